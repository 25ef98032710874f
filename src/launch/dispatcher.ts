import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { privateFolder, writeJsonAtomic } from '../base/files.ts';
import { attempt } from '../base/problem.ts';
import { createExit } from '../record/create.ts';
import { diskFullReason, exitCodes } from '../record/exit-codes.ts';
import { runFolders } from '../record/find.ts';
import { type Home, home, layout } from '../record/layout.ts';
import { readRun } from '../record/read.ts';
import { readClaim, readRecord } from '../record/snapshot.ts';
import { states } from '../record/state.ts';
import { fillPost, takePost } from './post.ts';
import { lastLine, type Program, pause, startDetached } from './program.ts';
import { nextMoves, type QueueEntry } from './queue.ts';

/** Poll of the run directories, milliseconds. */
const pollEvery = 250;
const jobsFile = 'jobs.json';

/**
 * Makes sure that waiting runs get started: starts a dispatcher if none lives. `jobs` is how many runs may run at once
 * from now on. Returns when a dispatcher has claimed the place. Fails with `dispatcher-not-started`.
 */
export async function wakeDispatcher(place: Home, program: Program, jobs?: number): Promise<void> {
  await privateFolder(place.dispatcher);
  if (jobs !== undefined) await writeJsonAtomic(join(place.dispatcher, jobsFile), { jobs });
  await fillPost(place.dispatcher, program, ['__dispatch', place.folder], {
    code: 'dispatcher',
    name: `The dispatcher of ${place.folder}`,
    remedy: 'The runs wait; start them again with strata run or strata attach.',
  });
}

/** Run directories as queue entries. Ended ones are read once: a further attempt changes the directory's time. */
function scanner(place: Home): () => Promise<QueueEntry[]> {
  let known = new Map<string, { time: number; entry: QueueEntry }>();
  return async () => {
    const ended: typeof known = new Map();
    const entries: QueueEntry[] = [];
    for (const folder of await runFolders(place.folder)) {
      // The time is taken before the content, so that a change in between is seen next time.
      const time = (await stat(folder).catch(() => undefined))?.mtimeMs ?? 0;
      const before = known.get(folder);
      const entry = before?.time === time ? before.entry : await readEntry(folder);
      if (!entry) continue;
      entries.push(entry);
      // A directory that changed just now may change again within the clock's resolution.
      if (states[entry.state].ended && Date.now() - time > 2000) ended.set(folder, { time, entry });
    }
    known = ended;
    return entries;
  };
}

async function readEntry(folder: string): Promise<QueueEntry | undefined> {
  const read = await attempt(() => readRun(folder));
  // Runs of a scheduler, and mirrors of runs on other machines, are not this process's to start.
  if (!read.ok || read.value.place.kind !== 'local') return undefined;
  const { id, state, request } = read.value;
  const { asked, order, parent } = request;
  return { id, state, asked, order, ...(parent !== undefined && { parent }) };
}

/** Starts the supervisor of a waiting run and waits until the run is claimed; a supervisor that cannot start ends the run. */
async function startRun(folder: string, program: Program): Promise<void> {
  const { request } = await readRun(folder);
  const n = request.attempt;
  const logFile = join(folder, layout.supervisorLog(n));
  const { ended } = await startDetached(program, ['__supervise', folder, String(n)], logFile);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (;;) {
    const wasOver = over;
    if (await readClaim(folder, n)) return;
    if (wasOver) break;
    await pause(25);
  }
  const said =
    (await ended) === exitCodes.diskFull ? diskFullReason : `${(await lastLine(logFile)) ?? 'it said nothing'}.`;
  const reason = `Its supervisor did not start: ${said}`;
  await createExit(folder, n, { outcome: 'failed', reason, by: 'dispatcher', time: Date.now() });
}

async function work(place: Home, program: Program, scan: () => Promise<QueueEntry[]>): Promise<void> {
  for (; ; await pause(pollEvery)) {
    const jobs = (await readRecord<{ jobs: number }>(place.dispatcher, jobsFile))?.jobs ?? 1;
    const moves = nextMoves(await scan(), jobs);
    for (const { id, reason } of moves.skip) {
      const folder = join(place.runs, id);
      const { request } = await readRun(folder);
      await createExit(folder, request.attempt, { outcome: 'skipped', reason, by: 'dispatcher', time: Date.now() });
    }
    // A directory that was removed or damaged meanwhile is no reason to leave the others waiting.
    for (const id of moves.start) await attempt(() => startRun(join(place.runs, id), program));
    if (moves.idle) return;
  }
}

/**
 * The dispatcher of a place (process `__dispatch`): claims it, starts waiting runs, ends when none waits. Returns at once
 * if another dispatcher lives.
 *
 * No run is left waiting: a run is created before its starter looks for a dispatcher, and a dispatcher says that it ends
 * before it looks for the last time.
 */
export async function dispatch(strataFolder: string, program: Program): Promise<void> {
  process.umask(0o077);
  const place = home(strataFolder);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {});
  const scan = scanner(place);
  for (;;) {
    const post = await takePost(place.dispatcher);
    if (!post) return;
    try {
      await work(place, program, scan);
    } finally {
      await post.release();
    }
    if (nextMoves(await scan(), 1).idle) return;
  }
}
