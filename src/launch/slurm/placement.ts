import { join } from 'node:path';
import { canonicalJson } from '../../base/hash.ts';
import { attempt } from '../../base/problem.ts';
import { createExit } from '../../record/create.ts';
import { runsOf } from '../../record/find.ts';
import type { Home } from '../../record/layout.ts';
import type { Run } from '../../record/types.ts';
import type { Placement } from '../placement.ts';
import { takePost } from '../post.ts';
import { type Program, pause } from '../program.ts';
import { nextMoves, type QueueEntry } from '../queue.ts';
import { arraysFolder, describeArray, readBinding, submitArray, unreleased } from './arrays.ts';
import { cancelTask } from './cancel.ts';
import { slurm } from './client.ts';
import { type Binding, taskName } from './jobs.ts';
import { look } from './look.ts';
import { checkSlurm, type SlurmOptions } from './options.ts';

/** Slurm's own limit of an array is 1001 tasks where nobody changed it. */
const arrayLimit = 1000;
/** Milliseconds that somebody else's submission is waited for. */
const postLimit = 90_000;
/** squeue is not to be called in loops (its manual); one call serves all runs. */
const usualLookEvery = 15_000;

/** When the queue was asked last for the runs of a home, whichever placement did. */
const lookedAt = new Map<string, number>();

export interface SlurmPlacementOptions {
  /** What runs of this asking get. */
  options: SlurmOptions;
  /** The program that has the verb `__slurm`. */
  program: Program;
  /** Milliseconds between two looks at the queue. */
  lookEvery?: number;
}

/** Runs are started by Slurm: one array an experiment, one task a run. */
export function slurmPlacement({ options, program, lookEvery = usualLookEvery }: SlurmPlacementOptions): Placement {
  const checked = checkSlurm(options);
  const task: Program = [program[0], ...program.slice(1), '__slurm'];
  return {
    kind: 'slurm',
    ...(Object.keys(checked).length > 0 && { asking: { slurm: checked } }),
    wake: (home, jobs) => wake(home, task, jobs),
    cancel: cancelTask,
    async look(home) {
      if (performance.now() - (lookedAt.get(home.folder) ?? Number.NEGATIVE_INFINITY) < lookEvery) return;
      lookedAt.set(home.folder, performance.now());
      await look(home);
    },
  };
}

interface Waiting {
  run: Run;
  binding?: Binding;
}

const allRuns = async (home: Home): Promise<Run[]> => (await runsOf(home.folder)).runs;

/** Of all runs those that wait, with what they are bound to; what cannot start any more is ended. */
async function waitingRuns(all: readonly Run[]): Promise<Waiting[]> {
  const runs = all.filter(({ place }) => place.kind === 'slurm');
  const entries = runs.map(({ id, state, request: { asked, order, parent } }): QueueEntry => {
    return { id, state, asked, order, ...(parent !== undefined && { parent }) };
  });
  const { skip } = nextMoves(entries, Number.POSITIVE_INFINITY);
  const reasons = new Map(skip.map(({ id, reason }) => [id, reason]));
  const waiting: Waiting[] = [];
  for (const run of runs) {
    if (run.state !== 'waiting') continue;
    const binding = await readBinding(run.folder, run.attempts - 1);
    const reason = reasons.get(run.id);
    if (reason === undefined) waiting.push({ run, ...(binding && { binding }) });
    else {
      await createExit(run.folder, run.attempts - 1, {
        outcome: 'skipped',
        reason,
        by: 'dispatcher',
        time: Date.now(),
      });
      // Slurm takes it away by itself where its dependency cannot be met any more.
      if (binding) await attempt(() => slurm('scancel', [taskName(binding)]));
    }
  }
  return waiting.sort((a, b) => a.run.request.asked - b.run.request.asked || a.run.request.order - b.run.request.order);
}

const someUnbound = (waiting: readonly Waiting[]) => waiting.some(({ binding }) => binding === undefined);

/** Submits what waits and is bound to no job. One process at a time does it in a home. Fails as `slurm` does. */
async function wake(home: Home, task: Program, jobs: number | undefined): Promise<void> {
  for (const limit = performance.now() + postLimit; performance.now() < limit; await pause(200)) {
    if (!someUnbound(await waitingRuns(await allRuns(home))) && (await unreleased(home)).length === 0) return;
    const post = await takePost(join(arraysFolder(home), 'post'));
    if (!post) continue;
    try {
      return await submitWaiting(home, task, jobs);
    } finally {
      await post.release();
    }
  }
}

async function submitWaiting(home: Home, task: Program, jobs: number | undefined): Promise<void> {
  for (;;) {
    // What a killed process left half-way comes first: its runs are bound then.
    for (const folder of await unreleased(home)) await submitArray(home, folder);
    const all = await allRuns(home);
    const waiting = await waitingRuns(all);
    const groups = groupsOf(waiting, await parentsOf(all, waiting), jobs);
    if (groups.length === 0) return;
    // One at a time: the children of what is submitted now wait for a number that it gets.
    for (const { runs, options, after } of groups) await describeArray(home, runs, options, task, after);
  }
}

export interface Group {
  runs: Run[];
  options: SlurmOptions;
  /** Task that has to succeed before. */
  after?: string;
}

/** By id of a run: what a child of it has to wait for, nothing where it has succeeded; ids that cannot be waited for are absent. */
async function parentsOf(all: readonly Run[], waiting: readonly Waiting[]): Promise<Map<string, string | undefined>> {
  const wanted = new Set(waiting.flatMap(({ run }) => run.request.parent ?? []));
  const parents = new Map<string, string | undefined>();
  for (const run of all) {
    if (!wanted.has(run.id)) continue;
    const binding = await readBinding(run.folder, run.attempts - 1);
    if (run.state === 'succeeded') parents.set(run.id, undefined);
    else if (binding) parents.set(run.id, taskName(binding));
  }
  return parents;
}

/**
 * Arrays of what is bound to no job: runs of one experiment that ask for the same and wait for the same. Children of runs that are
 * not submitted yet come in a later round. Pure.
 */
export function groupsOf(
  waiting: readonly Waiting[],
  parents: ReadonlyMap<string, string | undefined>,
  jobs?: number,
): Group[] {
  const groups = new Map<string, Group>();
  for (const { run, binding } of waiting) {
    const { parent, experiment } = run.request;
    if (binding || (parent !== undefined && !parents.has(parent))) continue;
    const asked = checkSlurm(run.request.slurm);
    const after = parent === undefined ? undefined : parents.get(parent);
    const parallel = jobs ?? asked.parallel;
    const options = { ...asked, ...(parallel !== undefined && { parallel }) };
    const key = canonicalJson({ options, file: experiment.file, after: after ?? '' });
    const group = groups.get(key) ?? { runs: [], options, ...(after !== undefined && { after }) };
    groups.set(key, { ...group, runs: [...group.runs, run] });
  }
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.runs.length / arrayLimit) }, (_, i) => {
      return { ...group, runs: group.runs.slice(i * arrayLimit, (i + 1) * arrayLimit) };
    }),
  );
}
