import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { random } from '../base/random.ts';
import { deviceRow } from '../device/devices.ts';
import type { DeviceName } from '../device/types.ts';
import { createScorer } from '../engine/scorer.ts';
import { openModel } from '../model/open.ts';
import { writeSurgery } from '../model/overlay.ts';
import { expansionOnly, planSurgery } from '../model/surgery.ts';
import type { Model, Surgery } from '../model/types.ts';
import type { RunSpec } from '../plan/types.ts';
import { layout } from '../record/layout.ts';
import type { Context } from './context.ts';

export type ProofState = 'holds' | 'broken' | 'not-applicable';
export interface Proof {
  state: ProofState;
  /** A sentence. */
  detail: string;
}

const rows = 2;
const longest = 48;

/** The same ids for every run of a vocabulary: seeded, of two lengths. */
export function probeIds(vocabSize: number, positions: number): number[][] {
  const draw = random('identity', vocabSize);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: Math.min(positions, longest - 11 * row) }, () => draw.below(vocabSize)),
  );
}

/** Seed of random blocks: the run's; an arm that trains nothing runs once, without one. */
export const surgerySeed = (spec: Pick<RunSpec, 'seed'>) => spec.seed ?? 0;

/** Why the proof does not apply, or undefined. */
function inapplicable(surgery: Surgery): string | undefined {
  if (!surgery.expand) return 'No block is inserted.';
  if (!surgery.expand.identity) return 'The inserted blocks do not start as identity (identity: false).';
  return undefined;
}

/**
 * The proof that inserted blocks start as x → x: with the expansion alone, before prune and merge, the logits of fixed ids
 * equal the base's bit for bit (design §5, Proofs).
 */
export async function identityProof(
  base: Model,
  surgery: Surgery,
  options: { scratch: string; hash: string; seed: number; threads: number; device: DeviceName },
): Promise<Proof> {
  const reason = inapplicable(surgery);
  if (reason !== undefined) return { state: 'not-applicable', detail: reason };
  await rm(options.scratch, { recursive: true, force: true });
  try {
    const plan = planSurgery(base.config, base.tensors, expansionOnly(surgery), options.seed);
    await writeSurgery(options.scratch, base, options.hash, plan);
    const ids = probeIds(base.config.vocabSize, base.config.maxPositions);
    const before = await logitsOf(base, ids, options);
    const after = await logitsOf(await openModel(options.scratch), ids, options);
    let different = 0;
    before.forEach((bits, row) => {
      bits.forEach((value, i) => {
        if (value !== after[row]![i]) different++;
      });
    });
    const count = before.reduce((sum, bits) => sum + bits.length, 0);
    const of = `${count} logits of ${ids.flat().length} fixed tokens`;
    return different === 0
      ? { state: 'holds', detail: `After the expansion, ${of} equal the base's bit for bit.` }
      : { state: 'broken', detail: `After the expansion, ${different} of ${of} differ from the base's.` };
  } finally {
    await rm(options.scratch, { recursive: true, force: true });
  }
}

/** Logits of each row as the bits of their float32 values, so that no rounding is forgiven. */
async function logitsOf(
  model: Model,
  ids: number[][],
  { threads, device }: { threads: number; device: DeviceName },
): Promise<Uint32Array[]> {
  const scorer = await createScorer(model, { threads, device: deviceRow(device) });
  try {
    const all: Uint32Array[] = [];
    for (const row of ids) {
      const { data } = await scorer.logits([row]);
      all.push(new Uint32Array(data.slice().buffer));
    }
    return all;
  } finally {
    await scorer.dispose();
  }
}

/** A run that starts from another arm's model expands nothing by itself. */
export function parentProof(spec: RunSpec): Proof | undefined {
  return spec.parent === undefined
    ? undefined
    : { state: 'not-applicable', detail: 'It starts from the finished model of another arm.' };
}

/** Carries the proof out for a run and records it. */
export async function proveIdentity(context: Context, base: Model): Promise<void> {
  const { spec, request, folder, writer } = context;
  const proof =
    parentProof(spec) ??
    (await identityProof(base, spec.surgery, {
      scratch: join(folder, `${layout.start}.identity.part`),
      hash: spec.model,
      seed: surgerySeed(spec),
      threads: request.threads,
      device: spec.device,
    }));
  writer.event({ type: 'proof', proof: 'identity', ...proof });
  if (proof.state === 'broken') writer.event({ type: 'warning', message: proof.detail });
}
