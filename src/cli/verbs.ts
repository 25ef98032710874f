import type { Verb } from './verb.ts';
import { evaluate } from './verbs/evaluate.ts';
import { exportVerb } from './verbs/export.ts';
import { generate } from './verbs/generate.ts';
import { inspect } from './verbs/inspect.ts';
import { logits } from './verbs/logits.ts';
import { plan } from './verbs/plan.ts';
import { score } from './verbs/score.ts';
import { surgery } from './verbs/surgery.ts';
import { tokenize } from './verbs/tokenize.ts';

/** Every verb of the command line, in the order of `strata --help`. */
export const verbs: Verb[] = [plan, inspect, surgery, exportVerb, tokenize, score, logits, generate, evaluate];
