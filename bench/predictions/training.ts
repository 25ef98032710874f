import { readFileSync } from 'node:fs';
import type { Rows } from '../../src/data/types.ts';
import type { ResolvedTraining, TrainingShape } from '../../src/plan/types.ts';
import { token } from '../training/shapes.ts';

/** A step's rows, each one document. */
export function rowsOf(
  { batch, sequence }: Pick<TrainingShape, 'batch' | 'sequence'>,
  vocabulary: number,
  step: number,
): Rows {
  const length = batch * sequence;
  const at = (i: number) => token(step, Math.floor(i / sequence), i % sequence, vocabulary);
  return {
    rows: batch,
    sequence,
    ids: Int32Array.from({ length }, (_, i) => at(i)),
    targets: Int32Array.from({ length }, (_, i) => (i % sequence === sequence - 1 ? -100 : at(i + 1))),
    segments: new Int32Array(length),
    positions: Int32Array.from({ length }, (_, i) => i % sequence),
  };
}

/** A training of this shape, without end. */
export function settings({
  batch,
  microBatch,
  sequence,
  distilled,
}: Omit<TrainingShape, 'recompute'>): ResolvedTraining {
  const corpus = { hash: '', kind: 'tokens' } as const;
  return {
    steps: 1e6,
    batch,
    micro_batch: microBatch,
    sequence,
    packing: 'document',
    learning_rate: 1e-3,
    schedule: 'constant',
    warmup: 0,
    betas: [0.9, 0.999],
    epsilon: 1e-8,
    weight_decay: 0.01,
    clip: 1,
    precision: 'float32',
    base_precision: 'float32',
    corpus,
    ...(distilled && { distill: { weight: 0.5, corpus } }),
  };
}

/** Of this process, bytes: the highest resident size yet, and how much of the present one is its own and how much mapped files. */
export function memory(): { peak: number; anonymous: number; mapped: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (key: string) => 1024 * Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]);
  return { peak: of('VmHWM'), anonymous: of('RssAnon'), mapped: of('RssFile') };
}
