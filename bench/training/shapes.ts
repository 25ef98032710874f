import { expectedTensors, isLinearWeight } from '../../src/model/names.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import type { LoraPlan } from '../../src/plan/types.ts';

/** What one step of a benchmark does. */
export interface Shape {
  what: string;
  config: ModelConfig;
  batch: number;
  sequence: number;
  /** Layers that are trained; all tensors if neither this nor `rank` is given. */
  layers?: number[];
  /** LoRA on all linear modules. */
  rank?: number;
  /** Forward only, in batches of this many rows. */
  score?: true;
}

export function benchConfig(
  sizes: Pick<ModelConfig, 'vocabSize' | 'hiddenSize' | 'intermediateSize' | 'layers' | 'heads' | 'kvHeads'>,
): ModelConfig {
  return {
    family: 'llama',
    ...sizes,
    headDim: sizes.hiddenSize / sizes.heads,
    maxPositions: 1024,
    rmsNormEps: 1e-5,
    initializerRange: 0.02,
    ropeTheta: 10000,
    ropeScaling: { kind: 'default' },
    tied: true,
    bias: { qkv: false, o: false, mlp: false },
    qkNorm: false,
    windows: Array.from({ length: sizes.layers }, () => null),
    eosTokenIds: [2],
    raw: {},
  };
}

const small = { vocabSize: 256, hiddenSize: 192, intermediateSize: 512, layers: 8, heads: 6, kvHeads: 2 };
const middle = { vocabSize: 8192, hiddenSize: 512, intermediateSize: 1408, layers: 14, heads: 8, kvHeads: 4 };

export const shapes: Record<string, Shape> = {
  A: { what: 'full fine-tuning, 3.2M parameters', config: benchConfig(small), batch: 4, sequence: 256 },
  B: { what: 'full fine-tuning, 45.5M parameters', config: benchConfig(middle), batch: 4, sequence: 256 },
  C: {
    what: '18 layers of which 4 are trained',
    config: benchConfig({ ...middle, layers: 18 }),
    batch: 4,
    sequence: 256,
    layers: [2, 4, 6, 8],
  },
  D: {
    what: 'LoRA of rank 8 on all linear modules, 45.5M parameters',
    config: benchConfig(middle),
    batch: 4,
    sequence: 256,
    rank: 8,
  },
  score: { what: 'scoring, 45.5M parameters', config: benchConfig(middle), batch: 8, sequence: 256, score: true },
};

export function trainedNames({ config: c, layers, rank }: Shape): string[] {
  const names = expectedTensors(c).map((t) => t.name);
  if (rank !== undefined) return [];
  return layers ? names.filter((n) => layers.some((l) => n.startsWith(`model.layers.${l}.`))) : names;
}

export function loraPlan({ config: c, rank }: Shape): LoraPlan | undefined {
  if (rank === undefined) return undefined;
  const weights = expectedTensors(c)
    .map((t) => t.name)
    .filter(isLinearWeight);
  return { rank, alpha: 2 * rank, rslora: false, weights };
}

/** Token of row `row` at `i` in step `step`: the same in engine.py. */
export function token(step: number, row: number, i: number, vocab: number): number {
  return (step * 104729 + row * 1299709 + i * i * 31 + i * 7919) % vocab;
}
