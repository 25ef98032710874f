import type { Verb } from './verb.ts';
import { adapterVerb } from './verbs/adapter.ts';
import { analyze } from './verbs/analyze.ts';
import { attach } from './verbs/attach.ts';
import { cancel } from './verbs/cancel.ts';
import { check } from './verbs/check.ts';
import { compare } from './verbs/compare.ts';
import { data } from './verbs/data.ts';
import { diff } from './verbs/diff.ts';
import { dispatchVerb } from './verbs/dispatch.ts';
import { doctor } from './verbs/doctor.ts';
import { evaluate } from './verbs/evaluate.ts';
import { exportVerb } from './verbs/export.ts';
import { fetchVerb } from './verbs/fetch.ts';
import { generate } from './verbs/generate.ts';
import { hosts } from './verbs/hosts.ts';
import { init } from './verbs/init.ts';
import { inspect } from './verbs/inspect.ts';
import { logits } from './verbs/logits.ts';
import { logs } from './verbs/logs.ts';
import { mirrorVerb } from './verbs/mirror.ts';
import { plan } from './verbs/plan.ts';
import { probe } from './verbs/probe.ts';
import { resume } from './verbs/resume.ts';
import { rm } from './verbs/rm.ts';
import { run } from './verbs/run.ts';
import { runs } from './verbs/runs.ts';
import { score } from './verbs/score.ts';
import { slurmVerb } from './verbs/slurm.ts';
import { superviseVerb } from './verbs/supervise.ts';
import { surgery } from './verbs/surgery.ts';
import { tokenize } from './verbs/tokenize.ts';
import { verify } from './verbs/verify.ts';
import { wakeVerb } from './verbs/wake.ts';
import { workVerb } from './verbs/work.ts';

/** Every verb of the command line, in the order of `strata --help`. */
export const verbs: Verb[] = [
  init,
  check,
  plan,
  run,
  runs,
  attach,
  logs,
  cancel,
  resume,
  fetchVerb,
  verify,
  rm,
  compare,
  analyze,
  inspect,
  diff,
  surgery,
  exportVerb,
  tokenize,
  score,
  logits,
  generate,
  evaluate,
  data,
  hosts,
  probe,
  doctor,
  adapterVerb,
  dispatchVerb,
  superviseVerb,
  slurmVerb,
  workVerb,
  mirrorVerb,
  wakeVerb,
];
