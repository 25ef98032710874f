import type { ModelConfig } from '../../src/model/types.ts';

/** A small config for tests, changed as given. */
export function tinyConfig(changed: Partial<ModelConfig> = {}): ModelConfig {
  const layers = changed.layers ?? 2;
  return {
    family: 'llama',
    vocabSize: 11,
    hiddenSize: 8,
    intermediateSize: 12,
    layers,
    heads: 2,
    kvHeads: 2,
    headDim: 4,
    maxPositions: 64,
    rmsNormEps: 1e-5,
    initializerRange: 0.02,
    ropeTheta: 10000,
    ropeScaling: { kind: 'default' },
    tied: false,
    bias: { qkv: false, o: false, mlp: false },
    qkNorm: false,
    windows: Array.from({ length: layers }, () => null),
    eosTokenIds: [],
    raw: {},
    ...changed,
  };
}
