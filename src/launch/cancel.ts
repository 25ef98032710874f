import { join } from 'node:path';
import { createOnce } from '../base/files.ts';
import { fail } from '../base/problem.ts';
import { createExit, writeOnFullDisk } from '../record/create.ts';
import { layout } from '../record/layout.ts';
import { liveness, platform } from '../record/platform.ts';
import { readRun } from '../record/read.ts';
import { readClaim, readWorker } from '../record/snapshot.ts';
import { type ExitRecord, states } from '../record/state.ts';
import type { Run } from '../record/types.ts';
import { pause } from './program.ts';
import { defaultGrace } from './supervisor.ts';
import { sweep } from './sweep.ts';

/**
 * Cancels the newest attempt of a run on this machine and returns once it has ended: by its supervisor, or, where that was
 * killed, by this process. Identities are checked again before each signal, so that no pid that was used again is hit.
 * An ended run is returned as it is. Fails with `cancel-timeout`.
 */
export async function cancelRun(folder: string, grace = defaultGrace): Promise<Run> {
  let run = await readRun(folder);
  if (states[run.state].ended) return run;
  const n = run.attempts - 1;
  const wish = JSON.stringify({ grace_ms: grace, time: Date.now() });
  await writeOnFullDisk(folder, () => createOnce(join(folder, layout.cancel(n)), wish));
  const limit = performance.now() + grace + 10_000;
  for (;;) {
    run = await readRun(folder);
    if (states[run.state].ended) return run;
    if (run.state === 'orphaned') await endOrphan(folder, n, grace);
    else if (performance.now() > limit) {
      fail(
        'cancel-timeout',
        `${run.id} has not ended ${Math.round((grace + 10_000) / 1000)} s after it was canceled.`,
        {
          remedy: 'Its supervisor is alive but does not answer; strata logs shows what it does.',
        },
      );
    }
    await pause(100);
  }
}

async function endOrphan(folder: string, n: number, grace: number): Promise<void> {
  const [claim, record] = await Promise.all([readClaim(folder, n), readWorker(folder, n)]);
  if (record && liveness(record.worker) === 'alive') {
    platform.signalGroup(record.worker.pid, 'SIGTERM');
    const limit = performance.now() + grace;
    while (performance.now() < limit && liveness(record.worker) === 'alive') await pause(50);
    if (liveness(record.worker) === 'alive') platform.signalGroup(record.worker.pid, 'SIGKILL');
  }
  if (claim) sweep(claim.cookie);
  const exit: ExitRecord = { outcome: 'canceled', reason: 'It was canceled.', by: 'cancel', time: Date.now() };
  await writeOnFullDisk(folder, () => createExit(folder, n, exit));
}
