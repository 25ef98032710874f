import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createOnce, exists, writeJsonAtomic } from '../base/files.ts';
import { sentence, toProblem } from '../base/problem.ts';
import { createExit, keepReserve, writeOnFullDisk } from '../record/create.ts';
import { diskFullReason, exitCodes } from '../record/exit-codes.ts';
import { layout } from '../record/layout.ts';
import { cookieVariable, identify, platform } from '../record/platform.ts';
import { ownClaim, readCancel, readRecord, readResult } from '../record/snapshot.ts';
import { type ExitRecord, heartbeatEvery } from '../record/state.ts';
import type { RunRequest } from '../record/types.ts';
import { lastLine, type Program, pause } from './program.ts';
import { clearRemoved, watchRemoval } from './removed.ts';
import { sweep } from './sweep.ts';
import { workerEnvironment } from './worker-environment.ts';

/** How long a worker may take to write its checkpoint after TERM, unless the cancel says otherwise. */
export const defaultGrace = 10_000;
const cancelPoll = 250;

export type End = Pick<ExitRecord, 'outcome' | 'reason' | 'code' | 'signal'>;

/** Why the supervisor itself asked the worker to stop. */
type Stop = 'canceled' | 'preempted';

/** What usually stands behind a signal that the operating system sends. */
const hints: Partial<Record<string, string>> = {
  SIGKILL: ' The system may have run out of memory.',
  SIGBUS: ' A file that it reads was cut short: perhaps the base model was overwritten while the run used it.',
};

/** How an attempt ended, from what is known of its worker. Pure. */
export function judge(
  code: number | null,
  signal: string | null,
  stop: Stop | undefined,
  said: { problem?: string; lastLine?: string },
): End {
  const seen = { code, signal };
  if (code === exitCodes.done) return { outcome: 'succeeded', ...seen };
  if (stop === 'canceled') return { outcome: 'canceled', reason: 'It was canceled.', ...seen };
  if (code === exitCodes.superseded) {
    return { outcome: 'canceled', reason: 'A newer attempt took over.', ...seen };
  }
  if (code === exitCodes.preempted || code === exitCodes.terminated || stop === 'preempted') {
    return { outcome: 'preempted', reason: 'It was stopped from outside; strata resume goes on with it.', ...seen };
  }
  if (said.problem !== undefined) return { outcome: 'failed', reason: said.problem, ...seen };
  if (code === exitCodes.diskFull) return { outcome: 'failed', reason: diskFullReason, ...seen };
  if (signal !== null) {
    return { outcome: 'failed', reason: `Its worker was killed by ${signal}.${hints[signal] ?? ''}`, ...seen };
  }
  const last = said.lastLine === undefined ? '.' : `: ${said.lastLine}`;
  return { outcome: 'failed', reason: `Its worker ended with exit code ${code}${last}`, ...seen };
}

/** Writes the exit record, whatever the disk says: the exit code exists nowhere else, so the supervisor lives until then. */
async function writeExit(folder: string, n: number, end: End): Promise<void> {
  const record: ExitRecord = { ...end, by: 'supervisor', time: Date.now() };
  for (;;) {
    try {
      await writeOnFullDisk(folder, () => createExit(folder, n, record));
      await rm(join(folder, layout.reserve), { force: true });
      return;
    } catch (error) {
      // The run was removed while it ran: nobody is left to tell.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      await pause(2000);
    }
  }
}

function notStarted(error: unknown): End {
  const problem = toProblem(error);
  const why = problem ? sentence(problem) : `${error instanceof Error ? error.message : String(error)}.`;
  return { outcome: 'failed', reason: `Its worker did not start: ${why}` };
}

function startWorker(folder: string, n: number, program: Program, cookie: string): ChildProcess {
  const out = openSync(join(folder, layout.stdout(n)), 'a', 0o600);
  const err = openSync(join(folder, layout.stderr(n)), 'a', 0o600);
  try {
    return spawn(program[0], [...program.slice(1), '__work', folder, String(n)], {
      detached: true, // Leads a process group of its own, so that it can be ended with all its children.
      stdio: ['ignore', out, err],
      env: { ...workerEnvironment(), [cookieVariable]: cookie },
    });
  } finally {
    closeSync(out);
    closeSync(err);
  }
}

/**
 * The supervisor of one attempt (process `__supervise`): claims it, runs its worker, carries out a cancel, and records the
 * end. It makes the claim itself, so that the claim names the one process that may start the worker; the loser of a race
 * returns at once. TERM and USR1 to the supervisor reach the worker. `ending` is called before the end is recorded, and says
 * what is.
 */
export async function supervise(
  folder: string,
  n: number,
  program: Program,
  ending: (end: End) => Promise<End> = async (end) => end,
): Promise<void> {
  process.umask(0o077);
  const cookie = randomUUID();
  if (!(await createOnce(join(folder, layout.claim(n)), JSON.stringify(ownClaim(cookie))))) return;
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {});
  await keepReserve(folder);
  if (await exists(join(folder, layout.cancel(n)))) {
    return writeExit(folder, n, { outcome: 'canceled', reason: 'It was canceled before it was started.' });
  }
  let worker: ChildProcess;
  try {
    const own = (await readRecord<RunRequest>(folder, layout.request(n)))?.program;
    worker = startWorker(folder, n, own ?? program, cookie);
  } catch (error) {
    return writeExit(folder, n, notStarted(error));
  }
  const ended = new Promise<[number | null, NodeJS.Signals | null, Error?]>((resolve) => {
    worker.once('exit', (code, signal) => resolve([code, signal]));
    worker.once('error', (error) => resolve([null, null, error]));
  });
  const pid = worker.pid;
  const identity = pid === undefined ? undefined : identify(pid);
  if (identity) {
    const record = { worker: identity, time: Date.now() };
    await writeOnFullDisk(folder, () => writeJsonAtomic(join(folder, layout.proc(n)), record)).catch(() => {});
  }

  let stop: Stop | undefined;
  const timers: NodeJS.Timeout[] = [];
  const stopWorker = (why: Stop, grace: number) => {
    if (stop !== undefined || pid === undefined) return;
    stop = why;
    platform.signalGroup(pid, 'SIGTERM');
    timers.push(setTimeout(() => platform.signalGroup(pid, 'SIGKILL'), grace));
  };
  process.on('SIGTERM', () => stopWorker('preempted', defaultGrace));
  if (process.platform !== 'win32') {
    process.on('SIGUSR1', () => pid !== undefined && platform.signalGroup(pid, 'SIGUSR1'));
  }
  const beat = () =>
    void writeFile(join(folder, layout.heartbeat(n)), `${Date.now()}\n`, { mode: 0o600 }).catch(() => {});
  beat();
  timers.push(setInterval(beat, heartbeatEvery));
  timers.push(
    setInterval(() => {
      void readCancel(folder, n).then(
        (cancel) => cancel && stopWorker('canceled', cancel.grace_ms),
        () => {},
      );
    }, cancelPoll),
  );

  timers.push(watchRemoval(folder, n, () => pid !== undefined && platform.signalGroup(pid, 'SIGKILL')));

  const [code, signal, error] = await ended;
  for (const timer of timers) clearTimeout(timer);
  sweep(cookie);
  if (await clearRemoved(folder, n)) return;
  if (error) return writeExit(folder, n, notStarted(error));
  const result = await readResult(folder, n).catch(() => undefined);
  const last = await lastLine(join(folder, layout.stderr(n)));
  const end = judge(code, signal, stop, {
    ...(result?.problem && { problem: sentence(result.problem) }),
    ...(last !== undefined && { lastLine: last }),
  });
  await writeExit(folder, n, await ending(end).catch(() => end));
}
