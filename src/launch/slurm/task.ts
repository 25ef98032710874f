import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { createOnce, writeJsonAtomic } from '../../base/files.ts';
import { readJsonLines } from '../../base/jsonl.ts';
import { attempt, fail } from '../../base/problem.ts';
import { createAttempt } from '../../record/create.ts';
import { exitCodes } from '../../record/exit-codes.ts';
import { home, layout } from '../../record/layout.ts';
import { readRun } from '../../record/read.ts';
import { isEvent } from '../../record/shapes.ts';
import { readExit, snapshot } from '../../record/snapshot.ts';
import type { Run, RunEvent } from '../../record/types.ts';
import { missingStages } from '../missing.ts';
import { type Program, pause } from '../program.ts';
import { supervise } from '../supervisor.ts';
import { jobOf, readArray, readBinding } from './arrays.ts';
import { slurm } from './client.ts';
import { type Binding, taskName } from './jobs.ts';

/** Attempts in a row that got nowhere before their time was over. */
const fruitlessLimit = 3;
/** Milliseconds that Slurm needs to end a task that it was told to start again. */
const requeueLimit = 60_000;

/** What Slurm says of a task through its environment. */
export interface TaskEnvironment {
  job: string;
  index: number;
  /** How often it was started again. */
  restart: number;
}

/** Fails with `usage-slurm` outside of an array. */
export function taskEnvironment(env: NodeJS.ProcessEnv = process.env): TaskEnvironment {
  const number = (name: string) => (/^\d+$/.test(env[name] ?? '') ? Number(env[name]) : undefined);
  const [job, index] = [number('SLURM_ARRAY_JOB_ID'), number('SLURM_ARRAY_TASK_ID')];
  if (job === undefined || index === undefined) return fail('usage-slurm', 'This is no task of an array of Slurm.');
  return { job: String(job), index, restart: number('SLURM_RESTART_COUNT') ?? 0 };
}

/**
 * One task of an array (process `__slurm`, on a compute node): supervises an attempt of its run, and has Slurm start it again
 * after the time limit. Returns the exit code: 0 where the run has succeeded, for the tasks that wait for it.
 */
export async function runTask(folder: string, environment: TaskEnvironment, program: Program): Promise<number> {
  process.umask(0o077);
  let limitNear = false;
  process.on('SIGUSR1', () => {
    limitNear = true;
  });
  process.on('SIGTERM', () => {});
  const { job, index, restart } = environment;
  const array = (await readArray(folder))!;
  const own = array.tasks[index];
  // A submission whose answer was lost, and that another one took the place of.
  if (!own || (await jobOf(folder)) !== job) return exitCodes.superseded;
  const binding: Binding = { array: array.name, job, index, restart, node: hostname() };
  const run = join(home(dirname(dirname(folder))).runs, own.run);
  const n = await attemptFor(run, binding);
  if (n === undefined) return (await readRun(run)).state === 'succeeded' ? 0 : exitCodes.superseded;
  await writeJsonAtomic(join(run, layout.slurm(n)), binding);
  let again = false;
  await supervise(run, n, program, async (end) => {
    if (end.outcome !== 'preempted') return end;
    if (await fruitless(run, n)) {
      const reason = `${fruitlessLimit} attempts in a row ended before they got any further; set a longer \`time\` of the target.`;
      return { ...end, outcome: 'failed', reason };
    }
    // Before the end of this attempt is written: the run never seems to have ended.
    again = await nextAttempt(await readRun(run), binding);
    return end;
  });
  if (again && limitNear) await startAgain(run, binding);
  const exit = await readExit(run, n);
  return exit?.outcome === 'succeeded' ? 0 : exit?.outcome === 'preempted' ? exitCodes.preempted : exitCodes.failed;
}

/** The attempt that this task is to supervise; undefined where there is nothing for it to do. */
async function attemptFor(folder: string, binding: Binding): Promise<number | undefined> {
  for (;;) {
    const run = await readRun(folder);
    const n = run.attempts - 1;
    const facts = await snapshot(folder, n);
    if (facts.cancelAsked || facts.exit?.outcome === 'canceled') return undefined;
    if (facts.exit?.outcome === 'succeeded') return undefined;
    if (!facts.claimed && !facts.exit) return n;
    const before = await readBinding(folder, n);
    const startedAgain = before?.job === binding.job && (before.restart ?? 0) < binding.restart!;
    // The attempt of another job lives, or nobody knows.
    if (!facts.exit && !startedAgain) return undefined;
    // Slurm started this task again, so it gave the earlier one up: if that one lives, it finds the newer claim and stops.
    await nextAttempt(run, binding);
  }
}

/** Asks for a further attempt in this job; false if nothing is missing. */
async function nextAttempt(run: Run, binding: Binding): Promise<boolean> {
  const stages = await missingStages(run.folder, run.spec, run.request.tasks);
  const { token: _token, ...request } = run.request;
  const { array, job, index } = binding;
  // The binding first: an attempt that waits and is bound to no job would be submitted.
  await createOnce(join(run.folder, layout.slurm(run.attempts)), JSON.stringify({ array, job, index }));
  return createAttempt(run.folder, { ...request, attempt: run.attempts, stages, asked: Date.now() });
}

/** Whether this attempt and those before it came to nothing: no step, no stage, no document. */
async function fruitless(folder: string, n: number): Promise<boolean> {
  if (n + 1 < fruitlessLimit) return false;
  for (let k = n; k > n - fruitlessLimit; k--) {
    const events = await readJsonLines<RunEvent>(join(folder, layout.events(k)), isEvent).catch(() => []);
    const exit = k === n ? undefined : await readExit(folder, k);
    if (exit && exit.outcome !== 'preempted') return false;
    if (events.some((event) => event.type === 'checkpoint' || (event.type === 'stage' && event.state === 'ended')))
      return false;
  }
  return true;
}

/** Has Slurm start this task again. Where nodes cannot ask for it, the attempt is left to whoever submits what waits. */
async function startAgain(folder: string, binding: Binding): Promise<void> {
  // The number alone may mean the whole array.
  const asked = await attempt(() => slurm('scontrol', ['requeue', taskName(binding)]));
  if (asked.ok) {
    process.once('SIGTERM', () => process.exit(exitCodes.preempted));
    return pause(requeueLimit);
  }
  const { attempts } = await readRun(folder);
  await rm(join(folder, layout.slurm(attempts - 1)), { force: true });
}
