import { expectedTensors, isLinearWeight } from '../../src/model/names.ts';
import { keptLayers } from '../../src/model/open.ts';
import type { ModelConfig, StackLayer } from '../../src/model/types.ts';
import type { Trained } from '../../src/plan/cost.ts';
import { type Stack, stackOf } from '../../src/plan/selectors.ts';
import type { LoraPlan, TrainingShape } from '../../src/plan/types.ts';
import { benchConfig } from '../training/shapes.ts';

/** A training that is predicted and measured. */
export interface Case {
  what: string;
  config: ModelConfig;
  shape: TrainingShape;
  /** Layers whose tensors are trained; all tensors if neither this nor `rank` is given. */
  layers?: number[];
  /** LoRA on all linear modules of the layers. */
  rank?: number;
}

const mini = benchConfig({ vocabSize: 512, hiddenSize: 64, intermediateSize: 176, layers: 6, heads: 4, kvHeads: 2 });
const tiny = benchConfig({ vocabSize: 1006, hiddenSize: 96, intermediateSize: 256, layers: 8, heads: 4, kvHeads: 4 });
const small = benchConfig({ vocabSize: 256, hiddenSize: 192, intermediateSize: 512, layers: 8, heads: 6, kvHeads: 2 });
const narrow = benchConfig({
  vocabSize: 4096,
  hiddenSize: 256,
  intermediateSize: 704,
  layers: 16,
  heads: 4,
  kvHeads: 4,
});
const middle = { vocabSize: 8192, hiddenSize: 512, intermediateSize: 1408, heads: 8, kvHeads: 4 };
const medium = benchConfig({ ...middle, layers: 14 });
/** Two blocks more, behind layers 2 and 5. */
const grown = benchConfig({ ...middle, layers: 16 });
const large = benchConfig({
  vocabSize: 32000,
  hiddenSize: 640,
  intermediateSize: 1728,
  layers: 18,
  heads: 10,
  kvHeads: 5,
});

function shape(batch: number, sequence: number, more: Partial<TrainingShape> = {}): TrainingShape {
  return { steps: 1, batch, microBatch: batch, sequence, recompute: false, distilled: false, ...more };
}

export const cases: Record<string, Case> = {
  mini: { what: '0.3M, full', config: mini, shape: shape(8, 128) },
  tiny: { what: '1.0M, full, recomputed', config: tiny, shape: shape(16, 64, { recompute: true }) },
  small: { what: '3.2M, full', config: small, shape: shape(4, 256) },
  smallMicro: {
    what: '3.2M, four of eight layers, micro-batches',
    config: small,
    shape: shape(8, 256, { microBatch: 2 }),
    layers: [2, 3, 4, 5],
  },
  smallDistilled: { what: '3.2M, full, distilled', config: small, shape: shape(4, 128, { distilled: true }) },
  narrow: { what: '13M, full, recomputed', config: narrow, shape: shape(4, 512, { recompute: true }) },
  narrowLora: { what: '13M, LoRA of rank 16', config: narrow, shape: shape(4, 512), rank: 16 },
  medium: { what: '45M, full', config: medium, shape: shape(4, 256) },
  mediumAgain: { what: '45M, full, recomputed', config: medium, shape: shape(4, 256, { recompute: true }) },
  grown: { what: '51M, S: two new blocks of 16', config: grown, shape: shape(4, 256), layers: [3, 7] },
  mediumLora: {
    what: '45M, LoRA of rank 8, micro-batches',
    config: medium,
    shape: shape(4, 256, { microBatch: 2 }),
    rank: 8,
  },
  large: { what: '102M, full, micro-batches', config: large, shape: shape(2, 256, { microBatch: 1 }) },
};

export function trainedOf({ config, layers, rank }: Case): Trained {
  const tensors = expectedTensors(config);
  if (rank !== undefined) return { names: new Set(), lora: loraOf(config, rank) };
  const wanted = layers && new Set(layers);
  return { names: new Set(tensors.filter((t) => !wanted || wanted.has(t.layer ?? -1)).map((t) => t.name)) };
}

export function loraOf(config: ModelConfig, rank: number): LoraPlan {
  const weights = expectedTensors(config)
    .map((t) => t.name)
    .filter(isLinearWeight);
  return { rank, alpha: 2 * rank, rslora: false, weights };
}

export function stackFor({ config }: Case): Stack {
  const layers: StackLayer[] = keptLayers(config.layers);
  return stackOf(config, layers);
}
