import { join } from 'node:path';
import { exists } from '../../base/files.ts';
import { attempt, fail } from '../../base/problem.ts';
import { allRuns } from '../../plan/analysis.ts';
import type { MeasureSpeed } from '../../plan/facts/machine.ts';
import type { Plan, RunPlan } from '../../plan/types.ts';
import { newestOf } from '../../record/find.ts';
import { homeOf, layout } from '../../record/layout.ts';
import { readRun } from '../../record/read.ts';
import { loadExperiment } from '../experiment-argument.ts';
import { computing, readComputing } from '../options.ts';
import { planJson } from '../plan-json.ts';
import { planText } from '../plan-text.ts';
import type { Verb } from '../verb.ts';

/** What an experiment would do: runs, surgery, trained tensors, cost. Touches nothing but caches. */
export const plan: Verb = {
  name: 'plan',
  summary: 'what an experiment would run: surgery, trained tensors, memory, time; touches nothing',
  configure(command) {
    computing(command)
      .argument('<file>', 'experiment file')
      .option('--arm <names>', 'only these arms, e.g. s,lora')
      .option('--seed <numbers>', 'only these seeds, e.g. 1,2')
      .option('--tensors', 'list every trained tensor of each arm');
  },
  async run(io, [file = ''], options) {
    const { device, threads } = readComputing(options);
    const { plan, facts } = await loadExperiment(io, file, {
      depth: 'all',
      arms: names(options['arm']),
      seeds: numbers(options['seed']),
      device,
      threads,
      measure,
    });
    if (facts.device) io.err(facts.device.why);
    const states = await statesOf(plan);
    const tensors = options['tensors'] === true;
    if (io.json) io.out(JSON.stringify(planJson(plan, states), null, 2));
    else io.out(planText(plan, { columns: Math.min(io.columns, 100), states, tensors }));
    return 0;
  },
};

/** Loaded only when something is to be measured: most plans find the speed in the cache. */
const measure: MeasureSpeed = async (shape, threads) => (await import('../../engine/probe.ts')).probe(shape, threads);

/** `a,b` as a list; undefined if the option was not given. */
export function names(option: unknown): string[] | undefined {
  return option === undefined
    ? undefined
    : String(option)
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean);
}

/** `1,2` as numbers; fails with `usage-seed`. */
export function numbers(option: unknown): number[] | undefined {
  return names(option)?.map((text) =>
    /^\d+$/.test(text) ? Number(text) : fail('usage-seed', `--seed takes whole numbers, not "${text}".`),
  );
}

/** What is there of each run: `new`, `finished`, `resumable` (a checkpoint to go on from), or the state that its files say. */
async function statesOf(plan: Plan): Promise<Map<string, string>> {
  const { folder } = homeOf(plan.experiment.file);
  const states = new Map<string, string>();
  for (const run of allRuns(plan)) states.set(run.id, await stateOf(run, folder));
  return states;
}

async function stateOf({ id }: RunPlan, strataFolder: string): Promise<string> {
  const folder = await newestOf(strataFolder, id);
  if (folder === undefined) return 'new';
  const read = await attempt(() => readRun(folder));
  if (!read.ok) return 'damaged';
  const { state } = read.value;
  if (state === 'succeeded') return 'finished';
  const ended = ['failed', 'canceled', 'lost', 'preempted'].includes(state);
  return ended && (await exists(join(folder, layout.checkpoint))) ? `resumable (${state})` : state;
}
