import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { layout } from '../record/layout.ts';
import { heartbeatEvery } from '../record/state.ts';

async function isGone(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
}

/**
 * Calls `gone` when the claim of attempt `n` is not there any more: somebody has removed the run directory while it was at
 * work, so its worker computes for nobody. A share that hangs or refuses is no removal. Owner clears the timer.
 */
export function watchRemoval(folder: string, n: number, gone: () => void, every = heartbeatEvery): NodeJS.Timeout {
  return setInterval(() => void isGone(join(folder, layout.claim(n))).then((removed) => removed && gone()), every);
}

/** Removes what a worker has written anew after its run directory was removed. Whether it was removed. */
export async function clearRemoved(folder: string, n: number): Promise<boolean> {
  if (!(await isGone(join(folder, layout.claim(n))))) return false;
  // Where there is a spec, somebody has asked for the same run again.
  if (await isGone(join(folder, layout.spec))) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  return true;
}
