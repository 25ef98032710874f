import { join } from 'node:path';
import { createOnce } from '../../base/files.ts';
import { attempt, Failure, fail } from '../../base/problem.ts';
import { createExit, writeOnFullDisk } from '../../record/create.ts';
import { layout } from '../../record/layout.ts';
import { liveness } from '../../record/platform.ts';
import { readRun } from '../../record/read.ts';
import { readClaim } from '../../record/snapshot.ts';
import { states } from '../../record/state.ts';
import type { Run } from '../../record/types.ts';
import { pause } from '../program.ts';
import { defaultGrace } from '../supervisor.ts';
import { sweep } from '../sweep.ts';
import { readBinding } from './arrays.ts';
import { slurm } from './client.ts';
import { endOf, taskName } from './jobs.ts';
import { taskNow } from './look.ts';

/** Milliseconds that a supervisor has beyond the grace, and Slurm after it. */
const patience = 5_000;
const slurmPatience = 60_000;

/**
 * Cancels the newest attempt: its supervisor ends it in peace, as everywhere; then its job is taken from Slurm, which ends what
 * is left on the node. Fails with `cancel-timeout`, `slurm-silent`.
 */
export async function cancelTask(run: Run, grace = defaultGrace): Promise<Run> {
  let now = await readRun(run.folder);
  if (states[now.state].ended) return now;
  const gentle = performance.now() + grace + patience;
  // A task that Slurm is starting again may have a further attempt by now: each gets the wish.
  while (!states[now.state].ended && performance.now() < gentle) {
    const wish = JSON.stringify({ grace_ms: grace, time: Date.now() });
    const path = join(run.folder, layout.cancel(now.attempts - 1));
    await writeOnFullDisk(run.folder, () => createOnce(path, wish));
    if (!states[now.state].active) break;
    await pause(100);
    now = await readRun(run.folder);
  }
  const n = now.attempts - 1;
  const binding = await readBinding(run.folder, n);
  if (binding) {
    // Refused where the job is gone already.
    const taken = await attempt(() => slurm('scancel', [taskName(binding)]));
    if (!taken.ok && taken.problem.code === 'slurm-silent') throw new Failure(taken.problem);
    for (
      const limit = performance.now() + slurmPatience;
      endOf(await taskNow(binding)) === undefined;
      await pause(500)
    ) {
      if (performance.now() < limit) continue;
      fail(
        'cancel-timeout',
        `Slurm has not ended ${taskName(binding)} of ${run.id} ${slurmPatience / 1000} s after it was canceled.`,
        {
          remedy: 'Its node may not answer; it ends when the node is back. squeue --me shows it.',
        },
      );
    }
  }
  now = await readRun(run.folder);
  if (states[now.state].ended) return now;
  const claim = await readClaim(run.folder, n);
  if (claim && liveness(claim.supervisor) !== 'unknown') sweep(claim.cookie);
  const end = { outcome: 'canceled', reason: 'It was canceled.', by: 'cancel', time: Date.now() } as const;
  await writeOnFullDisk(run.folder, () => createExit(run.folder, n, end));
  return readRun(run.folder);
}
