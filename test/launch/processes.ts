import { readdirSync, readFileSync } from 'node:fs';

/** Processes whose command line names a folder, other than this one. */
export function processesOf(folder: string, verb = ''): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ');
        return (
          line.includes(folder) && line.includes(verb) && !readFileSync(`/proc/${name}/stat`, 'utf8').includes(') Z ')
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}
