import type { Verb } from './verb.ts';
import { dispatchVerb } from './verbs/dispatch.ts';
import { evaluate } from './verbs/evaluate.ts';
import { exportVerb } from './verbs/export.ts';
import { generate } from './verbs/generate.ts';
import { inspect } from './verbs/inspect.ts';
import { logits } from './verbs/logits.ts';
import { plan } from './verbs/plan.ts';
import { run } from './verbs/run.ts';
import { score } from './verbs/score.ts';
import { superviseVerb } from './verbs/supervise.ts';
import { surgery } from './verbs/surgery.ts';
import { tokenize } from './verbs/tokenize.ts';
import { workVerb } from './verbs/work.ts';

/** Every verb of the command line, in the order of `strata --help`. */
export const verbs: Verb[] = [
  plan,
  run,
  inspect,
  surgery,
  exportVerb,
  tokenize,
  score,
  logits,
  generate,
  evaluate,
  dispatchVerb,
  superviseVerb,
  workVerb,
];
