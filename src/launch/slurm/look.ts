import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, Failure } from '../../base/problem.ts';
import { createExit } from '../../record/create.ts';
import { runsOf } from '../../record/find.ts';
import { type Home, layout } from '../../record/layout.ts';
import { readRun } from '../../record/read.ts';
import { readResult, snapshot } from '../../record/snapshot.ts';
import { type ExitRecord, states } from '../../record/state.ts';
import type { Run } from '../../record/types.ts';
import { readBinding } from './arrays.ts';
import { slurm } from './client.ts';
import { type Binding, endOf, queueFormat, readAccounts, readQueue, type Task, taskName } from './jobs.ts';

/** Runs of a home that its Slurm is responsible for and that have not ended. */
export async function openRuns(home: Home): Promise<Run[]> {
  const { runs } = await runsOf(home.folder);
  return runs.filter(({ place, state }) => place.kind === 'slurm' && !states[state].ended);
}

/** What the controller has now, in one call. Fails as `slurm` does. */
const queue = async (): Promise<Map<string, Task>> =>
  readQueue(await slurm('squeue', ['--me', '-h', '-r', '-t', 'all', '-o', queueFormat]));

/** What the accounts say of tasks that left the queue; nothing where there are none, as on many clusters. */
async function accounts(bindings: readonly Binding[]): Promise<Map<string, Task>> {
  const args = ['-nPX', '-j', bindings.map(taskName).join(','), '-o', 'JobID,State'];
  const answer = await attempt(() => slurm('sacct', args));
  return answer.ok ? readAccounts(answer.value) : new Map();
}

/**
 * Settles what only Slurm can tell: the end of runs whose task ended without a record (time limit, memory, node), in one call for
 * all. A task that Slurm started again is not made to wait for the two minutes that it would. Fails with `slurm-silent`, and then
 * nothing is concluded.
 */
export async function look(home: Home): Promise<void> {
  const runs = await openRuns(home);
  const bound = new Map<string, Binding>();
  for (const { id, folder, attempts } of runs) {
    const binding = await readBinding(folder, attempts - 1);
    if (binding) bound.set(id, binding);
  }
  if (bound.size === 0) return;
  const there = await queue();
  const gone = [...bound.values()].filter((binding) => !there.has(taskName(binding)));
  const told = gone.length > 0 ? await accounts(gone) : new Map<string, Task>();
  for (const run of runs) {
    const binding = bound.get(run.id);
    if (!binding) continue;
    const name = taskName(binding);
    const task = there.get(name) ?? told.get(name);
    if (task?.state === 'PENDING' && task.reason === 'BeginTime') await hurry(name);
    const ended = endOf(task);
    if (ended) await settle(run, binding, ended);
  }
}

/** Slurm has what it started again wait about two minutes; its owner may say that it need not. */
async function hurry(name: string): Promise<void> {
  await attempt(() => slurm('scontrol', ['update', `jobid=${name}`, 'StartTime=now']));
}

/** Whether the task of attempt `n` carried out the one before, too. */
async function carriedOn(folder: string, n: number, { job, index }: Binding): Promise<boolean> {
  const before = n === 0 ? undefined : await readBinding(folder, n - 1);
  return before?.job === job && before.index === index;
}

async function settle(
  { folder, attempts }: Run,
  binding: Binding,
  { end, again }: NonNullable<ReturnType<typeof endOf>>,
): Promise<void> {
  const n = attempts - 1;
  // Slurm was asked first: what the task wrote before its end is seen now.
  const read = await attempt(() => readRun(folder));
  if (!read.ok) return;
  const now = read.value;
  if (now.attempts - 1 !== n || states[now.state].ended || states[now.state].active) return;
  const facts = await snapshot(folder, n);
  // While Slurm starts a task again, it shows for a moment how the attempt before ended: nothing that this one did.
  const ofTheOneBefore = end.outcome === 'failed' && (await carriedOn(folder, n, binding));
  if (!facts.claimed && (again || ofTheOneBefore)) {
    // It had not begun: it is submitted anew. Should its task begin all the same, the first to claim it carries it out.
    await rm(join(folder, layout.slurm(n)), { force: true });
    return;
  }
  const result = await readResult(folder, n).catch(() => undefined);
  const own: Pick<ExitRecord, 'outcome' | 'reason'> = result?.state === 'succeeded' ? { outcome: 'succeeded' } : end;
  await createExit(folder, n, { ...own, by: 'scheduler', time: Date.now() });
}

/** What Slurm has of one task now; undefined if it does not know it. Fails with `slurm-silent`. */
export async function taskNow(binding: Binding): Promise<Task | undefined> {
  const args = ['--me', '-h', '-r', '-t', 'all', '-j', taskName(binding), '-o', queueFormat];
  const answer = await attempt(() => slurm('squeue', args));
  if (answer.ok) return readQueue(answer.value).get(taskName(binding));
  if (answer.problem.code === 'slurm-silent') throw new Failure(answer.problem);
  return undefined;
}
