import { random } from '../base/random.ts';
import { buildForward } from '../graph/forward.ts';
import type { Graph } from '../graph/graph.ts';
import { count } from '../graph/tensor.ts';
import { buildTraining } from '../graph/training.ts';
import { expectedTensors } from '../model/names.ts';
import { keptLayers } from '../model/open.ts';
import type { ModelConfig } from '../model/types.ts';
import { forwardFlopsPerToken, trainingFlopsPerToken } from '../plan/cost.ts';
import { stackOf } from '../plan/selectors.ts';
import { Session, type Values } from './session.ts';

/** Speed of this machine at this moment, FLOP/s as `plan/cost` counts FLOPs. */
export interface Speed {
  training: number;
  scoring: number;
}

/** Large enough that products decide, small enough for a second on two slow cores. */
const config: ModelConfig = {
  family: 'llama',
  vocabSize: 1024,
  hiddenSize: 256,
  intermediateSize: 704,
  layers: 4,
  heads: 8,
  kvHeads: 4,
  headDim: 32,
  maxPositions: 256,
  rmsNormEps: 1e-5,
  initializerRange: 0.02,
  ropeTheta: 10000,
  ropeScaling: { kind: 'default' },
  tied: true,
  bias: { qkv: false, o: false, mlp: false },
  qkNorm: false,
  windows: [null, null, null, null],
  eosTokenIds: [],
  raw: {},
};
const [batch, sequence, rounds] = [4, 128, 3];

/** Measures a small model with random weights: the best of three passes after one of warm-up. The caller keeps the result. */
export async function probe(threads: number): Promise<Speed> {
  const names = expectedTensors(config).map((t) => t.name);
  const stack = stackOf(config, keptLayers(config.layers));
  const tokens = batch * sequence;
  const places = () => ({ kind: 'input' }) as const;
  const training = buildTraining(config, places, { batch, sequence, trained: names, recompute: false });
  const scoring = buildForward(config, places, { batch, sequence, outputs: { scores: true } });
  const flops = trainingFlopsPerToken(stack, { names: new Set(names) }, sequence, false);
  return {
    training: (tokens * flops) / (await seconds(training, threads)),
    scoring: (tokens * forwardFlopsPerToken(stack, sequence)) / (await seconds(scoring, threads)),
  };
}

async function seconds(graph: Graph, threads: number): Promise<number> {
  const session = await Session.open(graph, { threads });
  try {
    const feeds = randomFeeds(graph);
    await session.run(feeds);
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < rounds; i++) {
      const began = performance.now();
      await session.run(feeds);
      best = Math.min(best, (performance.now() - began) / 1000);
    }
    return best;
  } finally {
    await session.close();
  }
}

function randomFeeds(graph: Graph): Record<string, Values> {
  const generator = random('probe');
  const integers: Record<string, (i: number) => number> = {
    ids: () => generator.below(config.vocabSize),
    targets: () => generator.below(config.vocabSize),
    segments: () => 0,
    positions: (i) => i % sequence,
  };
  return Object.fromEntries(
    graph.inputs.map(({ name, shape }) => {
      const length = count(shape);
      const integer = integers[name];
      if (integer) return [name, Int32Array.from({ length }, (_, i) => integer(i))];
      if (name === 'scale') return [name, Float32Array.of(1 / (batch * sequence))];
      return [name, Float32Array.from({ length }, () => 0.1 * (generator.float() - 0.5))];
    }),
  );
}
