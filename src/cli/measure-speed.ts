import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Rows } from '../data/types.ts';
import { createTrainer } from '../engine/trainer.ts';
import { parseConfig } from '../model/config.ts';
import { expectedTensors } from '../model/names.ts';
import { keptLayers } from '../model/open.ts';
import type { Model, TensorRef } from '../model/types.ts';
import { trainingFlopsPerToken } from '../plan/cost.ts';
import type { SpeedShape } from '../plan/facts/machine.ts';
import { stackOf } from '../plan/selectors.ts';
import type { ResolvedTraining } from '../plan/types.ts';

const layers = 2;
const vocabulary = 256;
const tokens = 512;
const sequence = 256;

/**
 * FLOP/s of full training steps of a model with two layers of this shape, the better of two steps after a first one. Its
 * weights are zeros (they cost the same as others), so that the file is empty space. Takes a few seconds at most.
 */
export async function measureSpeed(shape: SpeedShape, threads: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-speed-'));
  try {
    const model = await zeros(shape, folder);
    const names = [...model.tensors.keys()];
    const trainer = await createTrainer({ model, trained: names, training, seed: 1, threads });
    try {
      const perToken = trainingFlopsPerToken(
        stackOf(model.config, model.layers),
        { names: new Set(names) },
        sequence,
        false,
      );
      let best = Number.POSITIVE_INFINITY;
      await trainer.advance([rows()]);
      for (let i = 0; i < 2; i++) {
        const began = performance.now();
        await trainer.advance([rows()]);
        best = Math.min(best, performance.now() - began);
      }
      return (tokens * perToken * 1000) / best;
    } finally {
      await trainer.dispose();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const training: ResolvedTraining = {
  steps: 3,
  batch: tokens / sequence,
  micro_batch: tokens / sequence,
  sequence,
  packing: 'document',
  learning_rate: 0,
  schedule: 'constant',
  warmup: 0,
  betas: [0.9, 0.95],
  epsilon: 1e-8,
  weight_decay: 0,
  clip: 1,
  precision: 'float32',
  base_precision: 'float32',
  corpus: { hash: '', kind: 'tokens' },
};

async function zeros(shape: SpeedShape, folder: string): Promise<Model> {
  const config = parseConfig(
    {
      model_type: 'llama',
      hidden_size: shape.hiddenSize,
      intermediate_size: shape.intermediateSize,
      num_hidden_layers: layers,
      num_attention_heads: shape.heads,
      num_key_value_heads: shape.kvHeads,
      head_dim: shape.headDim,
      vocab_size: vocabulary,
      max_position_embeddings: sequence,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      hidden_act: 'silu',
      tie_word_embeddings: true,
    },
    'the model that speed is measured with',
  );
  const file = join(folder, 'zeros');
  let offset = 0;
  const refs = expectedTensors(config).map(({ name, shape }): [string, TensorRef] => {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    const ref: TensorRef = { name, shape, dtype: 'F32', file, offset, bytes };
    offset += bytes;
    return [name, ref];
  });
  const handle = await open(file, 'w');
  await handle.truncate(offset);
  await handle.close();
  return { folder, kind: 'folder', config, tensors: new Map(refs), layers: keptLayers(layers), changed: [] };
}

/** Each row one document of changing tokens. */
function rows(): Rows {
  const ids = Int32Array.from({ length: tokens }, (_, i) => (7 * i) % vocabulary);
  return {
    rows: tokens / sequence,
    sequence,
    ids,
    targets: ids.slice(),
    segments: new Int32Array(tokens),
    positions: Int32Array.from({ length: tokens }, (_, i) => i % sequence),
  };
}
