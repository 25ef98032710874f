import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import type { Place, Placed } from '../../launch/place.ts';
import { submit } from '../../launch/submit.ts';
import type { Plan } from '../../plan/types.ts';
import { homeOf } from '../../record/layout.ts';
import { states } from '../../record/state.ts';
import type { Run } from '../../record/types.ts';
import { loadExperiment } from '../experiment-argument.ts';
import { follow, runTitle } from '../follow.ts';
import { computing, readComputing, wholeNumber } from '../options.ts';
import { openPlace, parseTarget, recordOf } from '../places.ts';
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
      .option('--jobs <k>', 'how many runs at once', '1')
      .option('--detach', 'start them and return')
      .option('--fresh', 'new versions of the runs, whatever is there');
  },
  async run(io, [file = ''], options) {
    const { device, threads } = readComputing(options);
    const jobs = wholeNumber(options, 'jobs', 1);
    const { plan } = await loadExperiment(io, file, {
      depth: 'all',
      arms: names(options['arm']),
      seeds: numbers(options['seed']),
      device: options['device'] === 'auto' ? undefined : device,
      threads,
    });
    const record = options['on'] === undefined ? recordOf(plan.experiment.target) : parseTarget(String(options['on']));
    const place = openPlace(record, homeOf(plan.experiment.file));
    for (const arm of plan.arms) if (arm.pending !== undefined) io.err(`${arm.name} is not run yet. ${arm.pending}`);
    const request = {
      fresh: options['fresh'] === true,
      // Runs at once share the cores, unless somebody said otherwise.
      threads: options['threads'] === undefined ? Math.max(1, Math.floor(availableParallelism() / jobs)) : threads,
      jobs,
    };
    const placed = await submit(plan, place, request);
    announce(io, placed);
    if (options['detach'] === true) return detached(io, placed);
    const outcome = await followAll(io, place, placed);
    if (outcome.interrupted) return 130;
    return report(io, plan, placed, await again(io, plan, place, request, placed, outcome.runs));
  },
};

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

async function report(io: Io, plan: Plan, placed: readonly Placed[], runs: readonly Run[]): Promise<number> {
  const outcomes = new Map(placed.map(({ run, outcome }) => [run.folder, outcome]));
  const bad = runs.filter(({ state }) => state !== 'succeeded');
  if (io.json) {
    io.out(
      JSON.stringify(
        {
          runs: runs.map(({ id, folder, state, reason, request: { arm, seed } }) => ({
            id,
            arm,
            seed,
            state,
            reason,
            outcome: outcomes.get(folder),
            folder,
          })),
        },
        null,
        2,
      ),
    );
  } else {
    for (const run of bad)
      io.err(`${runTitle(run)} (${basename(run.folder)}) ${states[run.state].word}. ${run.reason ?? ''}`);
    io.out(`${runs.length - bad.length} of ${plan.runs.length} runs are done.`);
  }
  return bad.length === 0 ? 0 : 1;
}
