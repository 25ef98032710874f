/** Child processes of the extension. A bundle of its own, loaded with the first verb that is run. */
export { execa } from 'execa';
