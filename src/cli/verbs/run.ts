import { availableParallelism } from 'node:os';
import { allThreads, type Place, type Placed } from '../../launch/place.ts';
import { submit } from '../../launch/submit.ts';
import { isPlannable, resolve } from '../../plan/resolve.ts';
import type { Plan } from '../../plan/types.ts';
import { homeOf } from '../../record/layout.ts';
import { isElsewhere } from '../../record/place.ts';
import { states } from '../../record/state.ts';
import type { PlaceRecord, Run } from '../../record/types.ts';
import { collectPlan } from '../../report/collect.ts';
import { compare } from '../../report/comparison.ts';
import { comparisonObject } from '../../report/exports/json.ts';
import { exports } from '../../report/exports.ts';
import { loadExperiment } from '../experiment-argument.ts';
import { follow } from '../follow.ts';
import { computing, readComputing, wholeNumber } from '../options.ts';
import { openPlace, parseTarget, recordOf } from '../places.ts';
import { createProgress } from '../progress.ts';
import type { Io, Verb } from '../verb.ts';
import { names, numbers } from './plan.ts';

export const run: Verb = {
  name: 'run',
  summary: 'all runs of an experiment, as detached processes that it follows; finished ones are reused',
  configure(command) {
    computing(command)
      .argument('<file>', 'experiment file')
      .option('--arm <names>', 'only these arms, e.g. s,lora')
      .option('--seed <numbers>', 'only these seeds, e.g. 1,2')
      .option('--on <target>', 'where: local, ssh:HOST, slurm or slurm:HOST (default: the target of the file)')
      .option('--jobs <k>', 'how many runs at once (default: 1; on Slurm as many as it starts)')
      .option('--detach', 'start them and return')
      .option('--fresh', 'new versions of the runs, whatever is there');
  },
  async run(io, [file = ''], options) {
    const { device, threads } = readComputing(options);
    const jobs = options['jobs'] === undefined ? undefined : wholeNumber(options, 'jobs', 1);
    const how = {
      depth: 'all' as const,
      arms: names(options['arm']),
      seeds: numbers(options['seed']),
      device,
      threads,
    };
    const { plan, facts: found } = await loadExperiment(io, file, how);
    if (found.device) io.err(found.device.why);
    const record = options['on'] === undefined ? recordOf(plan.experiment.target) : parseTarget(String(options['on']));
    const { target } = plan.experiment;
    const slurm = target.kind === 'slurm' ? target.options : undefined;
    const place = await openPlace(io, record, homeOf(plan.experiment.file), slurm);
    const sending = createProgress(io);
    const request = {
      fresh: options['fresh'] === true,
      threads: options['threads'] === undefined ? (place.threads ?? sharedThreads(record, jobs ?? 1)) : threads,
      ...(jobs !== undefined ? { jobs } : record.kind === 'slurm' ? {} : { jobs: 1 }),
      progress: sending,
    };
    const placed = await submit(plan, place, request).finally(() => sending.close());
    announce(io, placed);
    sayPending(io, plan, options['detach'] === true);
    if (options['detach'] === true) return detached(io, placed);
    const outcome = await followAll(io, place, placed);
    if (outcome.interrupted) return 130;
    const runs = await again(io, plan, place, request, placed, outcome.runs);
    const after = await runPending(io, plan, () => loadExperiment(io, file, { ...how, quiet: true }), place, request);
    if (after.interrupted) return 130;
    // The verdict is that of the file as it stands, also when only a part of it was asked for now.
    const { experiment, facts } = await loadExperiment(io, file, { ...how, quiet: true });
    const whole = isPlannable(facts) ? resolve(experiment, facts, { device }) : plan;
    return report(io, whole, [...placed, ...after.placed], [...runs, ...after.runs]);
  },
};

/** Runs at once share the cores, unless somebody said otherwise; how many another machine has, it says itself. */
function sharedThreads(record: PlaceRecord, jobs: number): number {
  return isElsewhere(record) ? allThreads : Math.max(1, Math.floor(availableParallelism() / jobs));
}

/** What cannot be asked for yet, and when it will be. */
function sayPending(io: Io, { arms }: Plan, detach: boolean): void {
  for (const { name, pending } of arms)
    if (pending !== undefined)
      io.err(`${name}: ${pending}${detach ? ', and is not run now. Run the file again when it has finished.' : '.'}`);
}

/** Plans and runs the arms that waited for the analysis, once it has finished. */
async function runPending(
  io: Io,
  before: Plan,
  load: () => Promise<{ plan: Plan }>,
  place: Place,
  request: Parameters<typeof submit>[2],
): Promise<{ placed: Placed[]; runs: Run[]; interrupted: boolean }> {
  const nothing = { placed: [], runs: [], interrupted: false };
  if (before.arms.every(({ pending }) => pending === undefined)) return nothing;
  const { analysis: _, ...plan } = (await load()).plan;
  const known = new Set(before.runs.map(({ id }) => id));
  const runs = plan.runs.filter(({ id }) => !known.has(id));
  if (runs.length === 0) return nothing;
  const placed = await submit({ ...plan, runs }, place, request);
  announce(io, placed);
  return { placed, ...(await followAll(io, place, placed)) };
}

const outcomeWords: Record<Placed['outcome'], string> = {
  started: 'new',
  resumed: 'goes on',
  evaluating: 'trained before; only new or changed tasks are evaluated',
  already: 'waits or runs already',
  finished: 'finished before; its results are reused',
};

function announce(io: Io, placed: readonly Placed[]): void {
  for (const { run, outcome } of placed) io.err(`${run.id}: ${outcomeWords[outcome]}`);
}

function detached(io: Io, placed: readonly Placed[]): number {
  if (io.json)
    io.out(JSON.stringify({ runs: placed.map(({ run, outcome }) => ({ id: run.id, folder: run.folder, outcome })) }));
  else for (const { run } of placed) io.out(run.id);
  return 0;
}

/** Follows until all have ended. Ctrl-C detaches; a second one cancels what this command started. */
async function followAll(
  io: Io,
  place: Place,
  placed: readonly Placed[],
): Promise<{ runs: Run[]; interrupted: boolean }> {
  const controller = new AbortController();
  let interrupts = 0;
  const interrupt = () => {
    interrupts++;
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const runs = await follow(
      io,
      place,
      placed.map(({ run }) => run.folder),
      controller.signal,
    );
    const going = runs.filter(({ state }) => !states[state].ended);
    if (!controller.signal.aborted || going.length === 0) return { runs, interrupted: false };
    await detachOrCancel(io, place, placed, going, () => interrupts);
    return { runs, interrupted: true };
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** Time in which a second Ctrl-C is taken as "cancel", milliseconds. */
const secondThoughts = 1500;

async function detachOrCancel(
  io: Io,
  place: Place,
  placed: readonly Placed[],
  going: readonly Run[],
  interrupts: () => number,
): Promise<void> {
  io.err(
    `Detached: ${going.length === 1 ? 'the run goes' : `${going.length} runs go`} on. Press Ctrl-C again to cancel.`,
  );
  for (let waited = 0; waited < secondThoughts && interrupts() < 2; waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (interrupts() < 2) {
    const first = going.find(({ state }) => states[state].active) ?? going[0]!;
    io.err(`strata attach ${first.id} follows it, strata runs shows all, strata cancel RUN ends one.`);
    return;
  }
  const own = new Set(placed.filter(({ outcome }) => outcome !== 'already').map(({ run }) => run.folder));
  const mine = going.filter(({ folder }) => own.has(folder));
  // Those that wait first, so that none is started while the others end.
  mine.sort((a, b) => Number(states[a.state].active) - Number(states[b.state].active));
  for (const run of mine) io.err(`${run.id}: ${states[(await place.cancel(run)).state].word}`);
}

/** A run that was at work already may have been asked for with other tasks: then the new ones follow now. */
async function again(
  io: Io,
  plan: Plan,
  place: Place,
  request: Parameters<typeof submit>[2],
  placed: readonly Placed[],
  runs: Run[],
): Promise<Run[]> {
  if (request.fresh || !placed.some(({ outcome }) => outcome === 'already')) return runs;
  if (runs.some(({ state }) => state !== 'succeeded')) return runs;
  const more = await submit(plan, place, request);
  if (more.every(({ outcome }) => outcome === 'finished')) return runs;
  announce(io, more);
  return (await followAll(io, place, more)).runs;
}

/** What was run, and what it says: the comparison of the whole file as far as there are results. */
async function report(io: Io, plan: Plan, placed: readonly Placed[], runs: readonly Run[]): Promise<number> {
  const outcomes = new Map(placed.map(({ run, outcome }) => [run.folder, outcome]));
  const bad = runs.filter(({ state }) => state !== 'succeeded');
  const input = await collectPlan(plan);
  const comparison = input.runs.some(({ run }) => run.scores !== undefined) ? compare(input) : undefined;
  if (io.json) {
    const shown = runs.map(({ id, folder, state, reason, request: { arm, seed } }) => {
      return { id, arm, seed, state, reason, outcome: outcomes.get(folder), folder };
    });
    io.out(JSON.stringify({ runs: shown, comparison: comparison && comparisonObject(comparison) }, null, 2));
    return bad.length === 0 ? 0 : 1;
  }
  if (comparison)
    io.out(exports.table.write(comparison, { columns: Math.min(io.columns, 120), colour: io.colour }).trimEnd());
  for (const { id, state, reason } of bad)
    io.err(`${id}: ${states[state].word}${reason === undefined ? '' : `. ${reason}`}`);
  return bad.length === 0 ? 0 : 1;
}
