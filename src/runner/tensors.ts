import { join } from 'node:path';
import { writeJsonAtomic } from '../base/files.ts';
import { fail } from '../base/problem.ts';
import { factorName } from '../model/adapter.ts';
import { hashTensor } from '../model/hash.ts';
import { openModel } from '../model/open.ts';
import type { Model, TensorRef } from '../model/types.ts';
import { layout } from '../record/layout.ts';
import { readRecord } from '../record/snapshot.ts';
import type { TensorProofs } from '../record/types.ts';
import { type Context, stageProgress } from './context.ts';
import type { StartTensors } from './surgery.ts';

/** LoRA factors before the first step; their values exist only in the trainer then. */
export type FactorProofs = Record<string, { shape: number[]; start: string }>;

/** Every tensor that a finished run stores or shares, its LoRA factors under PEFT's names. */
export function storedTensors(model: Model): Map<string, TensorRef> {
  const all = new Map(model.tensors);
  for (const { weight, a, b } of model.adapter?.modules ?? []) {
    all.set(factorName(weight, 'a'), a);
    all.set(factorName(weight, 'b'), b);
  }
  return all;
}

/** Names of frozen tensors whose two hashes differ. Pure. */
export function brokenTensors(proofs: TensorProofs): string[] {
  return Object.entries(proofs)
    .filter(([, proof]) => proof.role === 'frozen' && proof.start !== proof.end)
    .map(([name]) => name);
}

/**
 * Re-reads every tensor of the finished model from disk, through the layer map, and writes `tensors.json`. Fails with
 * `frozen-changed` if a frozen one is not what it was.
 */
export async function writeProofs(context: Context, factors: FactorProofs): Promise<void> {
  const { folder, spec, writer } = context;
  const start = (await readRecord<StartTensors>(folder, layout.startTensors))!;
  const tensors = storedTensors(await openModel(join(folder, layout.model)));
  const trained = new Set([...spec.trained, ...Object.keys(factors)]);
  const progress = stageProgress(context, 'train');
  const proofs: TensorProofs = {};
  for (const [name, ref] of tensors) {
    proofs[name] = {
      shape: ref.shape,
      dtype: ref.dtype,
      role: trained.has(name) ? 'trained' : 'frozen',
      start: factors[name]?.start ?? start[name]!,
      end: await hashTensor(ref),
    };
    progress.report('hashing tensors', Object.keys(proofs).length, tensors.size);
  }
  const broken = brokenTensors(proofs);
  const frozen = Object.values(proofs).filter(({ role }) => role === 'frozen').length;
  const detail =
    broken.length === 0
      ? `${frozen} frozen tensors have the same sha256 at the end as at the start; ${tensors.size - frozen} were trained.`
      : `${broken.length} of ${frozen} frozen tensors changed, the first is ${broken[0]}.`;
  writer.event({ type: 'proof', proof: 'frozen', state: broken.length === 0 ? 'holds' : 'broken', detail });
  if (broken.length > 0) {
    fail('frozen-changed', detail, {
      place: folder,
      remedy: 'The files changed while the run used them; run it again.',
    });
  }
  await writeJsonAtomic(join(folder, layout.tensors), proofs);
}
