import type { Verb } from './verb.ts';

/** Every verb of the command line, in the order of `strata --help`. */
export const verbs: Verb[] = [];
