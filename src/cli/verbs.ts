import type { Verb } from './verb.ts';
import { tokenize } from './verbs/tokenize.ts';

/** Every verb of the command line, in the order of `strata --help`. */
export const verbs: Verb[] = [tokenize];
