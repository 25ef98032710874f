import { join } from 'node:path';
import { attempt } from '../base/problem.ts';
import { hasErrors } from '../experiment/diagnostics.ts';
import { parse } from '../experiment/parse.ts';
import { validate } from '../experiment/validate.ts';
import { gather } from '../plan/gather.ts';
import { isPlannable, resolve } from '../plan/resolve.ts';
import { homeOf } from '../record/layout.ts';
import { readRun } from '../record/read.ts';
import type { Run } from '../record/types.ts';
import { collectPlan } from '../report/collect.ts';
import { compare } from '../report/comparison.ts';
import type { CompareInput, Comparison, Contrast } from '../report/types.ts';
import { contrastSentence, effectOf, formatEffect, formatInterval, formatValue } from '../report/words.ts';

/** What the runs of an experiment say of it as it stands. */
export interface FileResults {
  /** `5 of 6 runs finished` */
  summary: string;
  /** By arm; an arm without any run has none. */
  arms: Record<string, ArmResult>;
}
export interface ArmResult {
  /** `recall_new 0.71, +0.23 [+0.15, +0.31] better` */
  text: string;
  /** One sentence for each metric. */
  details: string[];
  /** The arm was changed since: these are numbers of an older version. */
  stale: boolean;
}

/**
 * The results of the runs that a text resolves to, newest version of each, with the intervals that `strata compare` gives; arms
 * that only have older runs get those, said to be stale. Undefined while the text has errors, or the model cannot be read.
 */
export async function readResults(text: string, file: string): Promise<FileResults | undefined> {
  const { experiment, ...parsed } = parse(text, { file });
  if (!experiment) return undefined;
  const facts = await gather(experiment, { depth: 'all' });
  if (!isPlannable(facts) || hasErrors(validate(parsed, facts))) return undefined;
  const plan = resolve(experiment, facts);
  if (plan.runs.length === 0) return undefined;
  const input = await collectPlan(plan);
  const comparison = compare(input);
  const stale = await newestStale(input, homeOf(file).runs);
  const finished = input.runs.filter(({ run }) => run.state === 'succeeded').length;
  const older = input.stale.length;
  return {
    summary: `${finished} of ${plan.runs.length} runs finished${older > 0 ? `, ${older} of older versions` : ''}`,
    arms: Object.fromEntries(
      input.arms.flatMap((arm) => {
        const result = armResult(arm, input, comparison, stale.get(arm));
        return result ? [[arm, result]] : [];
      }),
    ),
  };
}

/** The newest run that an arm left behind, by arm. */
async function newestStale({ stale }: CompareInput, folder: string): Promise<Map<string, Run>> {
  const newest = new Map<string, Run>();
  for (const { id, arm } of stale) {
    const read = await attempt(() => readRun(join(folder, id)));
    if (!read.ok || !read.value.scores) continue;
    const known = newest.get(arm);
    if (!known || known.request.asked < read.value.request.asked) newest.set(arm, read.value);
  }
  return newest;
}

function armResult(
  arm: string,
  { runs }: CompareInput,
  comparison: Comparison,
  stale: Run | undefined,
): ArmResult | undefined {
  const [main] = comparison.metrics;
  const own = comparison.arms.find(({ name }) => name === arm);
  const value = own?.values.find(({ task, metric }) => task === main?.task && metric === main?.metric);
  const missing = comparison.missing.filter((m) => m.arm === arm);
  const some = runs.some(({ run }) => run.request.arm === arm);
  const open = missing.map(({ seed, reason }) => `${seed === undefined ? '' : `seed ${seed}: `}${reason}`);
  if (main && value) {
    const contrast = effectOf(comparison, arm, main);
    const role = arm === comparison.baseline ? ' (baseline)' : contrast ? `, ${effectWords(contrast)}` : '';
    const details = comparison.contrasts
      .filter((c) => c.arm === arm && c.against === comparison.baseline)
      .map(contrastSentence);
    const waiting = open.length > 0 ? ` (${open.length === 1 ? open[0] : `${open.length} runs missing`})` : '';
    return {
      text: `${main.task} ${formatValue(value.value)}${role}${waiting}`,
      details: [...details, ...open],
      stale: false,
    };
  }
  if (some && open.length > 0) return { text: open.join(', '), details: open, stale: false };
  return stale && staleResult(stale, main?.task);
}

/** `+0.231 [+0.150, +0.312] better` */
function effectWords({ effect, interval, verdict }: Contrast): string {
  if (effect === undefined) return verdict;
  return `${formatEffect(effect)}${interval ? ` ${formatInterval(interval)}` : ''} ${verdict}`;
}

function staleResult({ id, scores = {} }: Run, task: string | undefined): ArmResult | undefined {
  const chosen = task !== undefined && scores[task] ? task : Object.keys(scores)[0];
  if (chosen === undefined) return undefined;
  const [metric, score] = Object.entries(scores[chosen]!)[0] ?? [];
  if (metric === undefined || score === undefined) return undefined;
  return {
    text: `stale: ${chosen} ${formatValue(score.value)}, of an older version`,
    details: [
      `The arm or what it learns from was changed since the run ${id} (${chosen} ${metric} ${formatValue(score.value)}).`,
    ],
    stale: true,
  };
}
