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

/**
 * Loads runs that were asked the same documents: texts that they have in common are kept once, so that a comparison of sixty
 * runs holds little more than their numbers.
 */
export function sharingLoader(): (folder: string) => Promise<ComparedRun> {
  const known = new Map<string, string>();
  const share = (value: unknown): unknown => {
    if (Array.isArray(value)) return typeof value[0] === 'string' ? value.map(share) : value;
    if (typeof value !== 'string') return value;
    const first = known.get(value);
    if (first === undefined) known.set(value, value);
    return first ?? value;
  };
  return async (folder) => {
    const data = await loadComparedRun(folder);
    for (const sample of Object.values(data.samples).flat()) {
      for (const key of ['prompt_hash', 'target_hash', 'context', 'contexts', 'continuations', 'target']) {
        if (sample[key] !== undefined) sample[key] = share(sample[key]);
      }
    }
    return data;
  };
}
