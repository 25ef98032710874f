import type { Verb } from './verb.ts';
import { exportVerb } from './verbs/export.ts';
import { inspect } from './verbs/inspect.ts';
import { plan } from './verbs/plan.ts';
import { surgery } from './verbs/surgery.ts';
import { tokenize } from './verbs/tokenize.ts';

/** Every verb of the command line, in the order of `strata --help`. */
export const verbs: Verb[] = [plan, inspect, surgery, exportVerb, tokenize];
