import { layout } from '../../record/layout.ts';
import { readProgress, readRun } from '../../record/read.ts';
import { readRecord } from '../../record/snapshot.ts';
import type { Run, RunRequest } from '../../record/types.ts';
import type { RunStatus } from './protocol.ts';

/** A run as its host knows it now. Fails with `unknown-run`. */
export async function runStatus(folder: string): Promise<RunStatus> {
  return statusOf(await readRun(folder));
}

export async function statusOf(run: Run): Promise<RunStatus> {
  const { id, attempts, state, reason, request } = run;
  const first = request.attempt === 0 ? request : await readRecord<RunRequest>(run.folder, layout.request(0));
  const { experiment, arm, seed } = request;
  return {
    id,
    created: first?.asked ?? request.asked,
    attempts,
    state,
    ...(reason !== undefined && { reason }),
    experiment: experiment.stem,
    arm,
    ...(seed !== undefined && { seed }),
  };
}

/** The same, and how far it is. */
export async function statusWithProgress(run: Run): Promise<RunStatus> {
  const { step, steps } = await readProgress(run);
  return { ...(await statusOf(run)), ...(step && { step: step.step }), steps };
}
