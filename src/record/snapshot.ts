import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../base/problem.ts';
import { layout } from './layout.ts';
import { identify, liveness, platform } from './platform.ts';
import { fits } from './shapes.ts';
import type { AttemptFacts, CancelRecord, Claim, ExitRecord, ResultRecord, WorkerRecord } from './state.ts';

/** A JSON file of a run directory, or undefined if it is not there. Fails with `run-damaged` if it is not what it has to be. */
export async function readRecord<T>(folder: string, name: string): Promise<T | undefined> {
  const path = join(folder, name);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const value = parse(text);
  if (value !== undefined && fits(name, value)) return value as T;
  return fail('run-damaged', `${path} is not a whole record.`, {
    place: path,
    remedy: 'Strata writes it whole or not at all, so the file was changed or the disk lost it; remove the run.',
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Number of attempts that were asked for: one more than the highest N of `request.N.json`. */
export async function countAttempts(folder: string): Promise<number> {
  const names = await readdir(folder);
  return Math.max(-1, ...names.map((name) => Number(/^request\.(\d+)\.json$/.exec(name)?.[1] ?? -1))) + 1;
}

export const readClaim = (folder: string, n: number) => readRecord<Claim>(folder, layout.claim(n));
export const readWorker = (folder: string, n: number) => readRecord<WorkerRecord>(folder, layout.proc(n));
export const readCancel = (folder: string, n: number) => readRecord<CancelRecord>(folder, layout.cancel(n));
export const readResult = (folder: string, n: number) => readRecord<ResultRecord>(folder, layout.result(n));
export const readExit = (folder: string, n: number) => readRecord<ExitRecord>(folder, layout.exit(n));

/**
 * What is known of attempt `n` now. The claim is read before the exit record: if the supervisor ends in between, its
 * exit record is seen, and never a death without one.
 */
export async function snapshot(folder: string, n: number): Promise<AttemptFacts> {
  const [claim, worker] = await Promise.all([readClaim(folder, n), readWorker(folder, n)]);
  const supervisor = claim ? liveness(claim.supervisor) : 'dead';
  let workerLiveness = worker ? liveness(worker.worker) : 'dead';
  const [exit, cancel, result] = await Promise.all([readExit(folder, n), readCancel(folder, n), readResult(folder, n)]);
  const sameBoot = claim?.supervisor.boot === platform.boot();
  // Looking through all processes is worth it only where nothing else tells.
  if (claim && !exit && supervisor === 'dead' && workerLiveness === 'dead' && sameBoot) {
    if (platform.withCookie(claim.cookie).length > 0) workerLiveness = 'alive';
  }
  const heartbeat =
    claim && !exit && supervisor === 'unknown'
      ? await stat(join(folder, layout.heartbeat(n))).catch(() => undefined)
      : undefined;
  return {
    ...(exit && { exit }),
    ...(result && { result }),
    cancelAsked: cancel !== undefined,
    claimed: claim !== undefined,
    started: worker !== undefined,
    supervisor,
    worker: workerLiveness,
    sameBoot,
    ...(heartbeat && { heartbeatAge: Date.now() - heartbeat.mtimeMs }),
    ...(claim && { host: claim.supervisor.host }),
  };
}

/** A claim by this process. */
export function ownClaim(cookie: string): Claim {
  return { cookie, supervisor: identify()!, time: Date.now() };
}
