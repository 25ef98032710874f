import { join } from 'node:path';
import { readJsonIfThere } from '../base/files.ts';
import { layout } from '../record/layout.ts';
import { loadRunData, readEvents } from '../record/read.ts';
import type { TensorProofs } from '../record/types.ts';
import type { ComparedRun } from './types.ts';

/** Reads everything a comparison needs of one run directory. */
export async function loadComparedRun(folder: string): Promise<ComparedRun> {
  const [data, events, tensors] = await Promise.all([
    loadRunData(folder),
    readEvents(folder),
    readJsonIfThere<TensorProofs>(join(folder, layout.tensors)),
  ]);
  const identity = events.findLast((e) => e.type === 'proof' && e.proof === 'identity');
  return {
    ...data,
    ...(tensors && { tensors }),
    ...(identity?.type === 'proof' && { identity: { state: identity.state, detail: identity.detail } }),
  };
}
