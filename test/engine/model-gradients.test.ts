import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session, type Values } from '../../src/engine/session.ts';
import { headParts } from '../../src/graph/blocks/head-loss.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { count } from '../../src/graph/tensor.ts';
import { buildTraining, type TrainingOptions, trainedParameters } from '../../src/graph/training.ts';
import { weightShapes } from '../../src/graph/weights.ts';
import { expectedTensors, layerTensorName } from '../../src/model/names.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import { assertGradients, normal } from './gradcheck.ts';
import { portable } from './support.ts';
import { tinyConfig } from './tiny.ts';

const all = (config: ModelConfig) => expectedTensors(config).map((t) => t.name);
const q = layerTensorName(0, 'self_attn.q_proj');
const down = layerTensorName(1, 'mlp.down_proj');

interface Case {
  config?: Partial<ModelConfig>;
  train?: (config: ModelConfig) => string[];
  lora?: TrainingOptions['lora'];
  recompute?: boolean;
  headParts?: number;
  /** What of the teacher differs from the student's config. */
  teacher?: Partial<ModelConfig>;
  segments?: number[];
  positions?: number[];
}

const cases: Record<string, Case> = {
  'all tensors': {},
  'all tensors, recomputed': { config: { layers: 3 }, recompute: true },
  'tied head and embeddings: one gradient, of both uses': { config: { tied: true } },
  'head computed in parts, tied': { config: { tied: true }, headParts: 5 },
  'head computed in parts, frozen': { train: (c) => all(c).filter((n) => n.includes('.layers.1.')), headParts: 2 },
  'only the head, computed in parts': { train: () => ['lm_head.weight'], headParts: 2 },
  'grouped-query attention': { config: { heads: 4, kvHeads: 2 } },
  'head dimension other than hidden / heads': { config: { heads: 3, kvHeads: 1, headDim: 6 } },
  biases: { config: { bias: { qkv: true, o: true, mlp: true } } },
  'norms of queries and keys': { config: { qkNorm: true, heads: 4, kvHeads: 2, headDim: 6 } },
  'sliding window in one of two layers': { config: { windows: [3, null] } },
  'documents packed into a row': {
    segments: [0, 0, 0, 1, 1, 0, 1, 1, 1, 1],
    positions: [0, 1, 2, 0, 1, 0, 0, 1, 2, 3],
  },
  'scaled RoPE': { config: { ropeScaling: { kind: 'linear', factor: 4 } } },
  'the last layer only': { train: (c) => all(c).filter((n) => n.includes('.layers.1.')) },
  'the first layer only, recomputed': {
    config: { layers: 3 },
    train: (c) => all(c).filter((n) => n.includes('.layers.0.')),
    recompute: true,
  },
  'embeddings only': { train: () => ['model.embed_tokens.weight'] },
  'norms only': { train: (c) => all(c).filter((n) => n.endsWith('norm.weight')) },
  LoRA: { train: () => [], lora: new Map([q, down].map((weight) => [weight, { rank: 2, scale: 1.5 }])) },
  'divergence from a teacher': { teacher: {} },
  'divergence from a teacher with fewer layers, in parts, tied': {
    config: { layers: 3, tied: true },
    teacher: { tied: true },
    headParts: 5,
  },
  'divergence from a teacher, LoRA': {
    train: () => [],
    lora: new Map([q, down].map((weight) => [weight, { rank: 2, scale: 1.5 }])),
    teacher: {},
  },
  'LoRA with a trained layer, recomputed': {
    config: { layers: 3 },
    train: (c) => all(c).filter((n) => n.includes('.layers.1.') && n !== down),
    lora: new Map([q, down].map((weight) => [weight, { rank: 2, scale: 0.5 }])),
    recompute: true,
  },
};

function graphOf(
  row: Case,
  more: Partial<TrainingOptions> = {},
): { graph: Graph; names: string[]; config: ModelConfig } {
  const config = tinyConfig(row.config);
  const options: TrainingOptions = {
    batch: 2,
    sequence: 5,
    trained: (row.train ?? all)(config),
    lora: row.lora,
    recompute: row.recompute ?? false,
    headParts: row.headParts,
    ...(row.teacher && { teacher: { config: tinyConfig(row.teacher), places: () => ({ kind: 'input' }) } }),
    ...more,
  };
  const graph = buildTraining(config, () => ({ kind: 'input' }), options);
  return { graph, names: trainedParameters(config, options).map((p) => p.name), config };
}

function feedsOf(row: Case, config: ModelConfig): Record<string, Float64Array | Int32Array> {
  const teacher = row.teacher
    ? [...weightShapes(tinyConfig(row.teacher))].map(([name, shape]) => [`teacher.${name}`, shape] as const)
    : [];
  const weights = [...weightShapes(config, row.lora), ...teacher].map(([name, shape]) => {
    const scale = shape.length === 1 ? 0.2 : 0.5;
    const middle = name.endsWith('norm.weight') ? 1 : 0;
    return [name, normal(count(shape), name).map((v) => middle + v * scale)] as const;
  });
  return {
    ...Object.fromEntries(weights),
    ids: Int32Array.of(1, 2, 3, 4, 5, 6, 2, 2, 9, 10),
    targets: Int32Array.of(2, 3, -100, 5, 1, 2, 2, 9, 10, -100),
    segments: Int32Array.from(row.segments ?? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    positions: Int32Array.from(row.positions ?? [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]),
    scale: Float64Array.of(1 / 8),
  };
}

for (const [name, row] of Object.entries(cases)) {
  test(`gradients of a whole model are central differences: ${name}`, async () => {
    const { graph, names, config } = graphOf(row, { float: 'float64', device: portable });
    await assertGradients(graph, feedsOf(row, config), names, { entries: 4 });
  });
}

test('in float32, in the forms of the CPU, the gradients are those of float64', async () => {
  for (const row of Object.values(cases)) {
    const exact = graphOf(row, { float: 'float64', device: portable });
    const wide = feedsOf(row, exact.config);
    const narrow: Record<string, Values> = Object.fromEntries(
      Object.entries(wide).map(([k, v]) => [k, v instanceof Float64Array ? Float32Array.from(v) : v]),
    );
    const [a, b] = [
      await Session.open(exact.graph, { threads: 1 }),
      await Session.open(graphOf(row).graph, { threads: 1 }),
    ];
    const [want, have] = [await a.run(wide), await b.run(narrow)];
    for (const [key, values] of Object.entries(want)) {
      for (const [i, v] of Array.from(values as Float64Array).entries())
        assert.ok(Math.abs(v - Number(have[key]![i])) < 1e-5, `${key}[${i}]`);
    }
    await a.close();
    await b.close();
  }
});

test('the divergence is Σ p (log p − log q) of teacher p and student q, over the positions with a target; none from itself', async () => {
  const row: Case = { teacher: {} };
  const { graph, names, config } = graphOf(row, { float: 'float64', device: portable });
  const feeds = feedsOf(row, config);
  const session = await Session.open(graph, { threads: 1 });
  const scaled = (await session.run(feeds))['loss']![0];
  const [student, teacher] = [await logitsOf(config, feeds, ''), await logitsOf(config, feeds, 'teacher.')];
  let sum = 0;
  for (const [i, target] of Array.from(feeds['targets']!).entries()) {
    if (Number(target) < 0) continue;
    const [logP, logQ] = [logSoftmax(teacher[i]!), logSoftmax(student[i]!)];
    sum += logP.reduce((total, lp, v) => total + Math.exp(lp) * (lp - logQ[v]!), 0);
  }
  assert.ok(sum > 0);
  assert.ok(Math.abs(Number(scaled) - sum / 8) < 1e-12);
  for (const name of Object.keys(feeds)) if (`teacher.${name}` in feeds) feeds[`teacher.${name}`] = feeds[name]!;
  const same = await session.run(feeds);
  assert.equal(same['loss']![0], 0);
  for (const name of names)
    assert.ok(
      same[`gradient.${name}`]!.every((v) => Math.abs(Number(v)) < 1e-15),
      name,
    );
  await session.close();
});

/** Logits of each position, of the student or the teacher in `feeds`: a step that only the head takes, seen through its loss. */
async function logitsOf(config: ModelConfig, feeds: Record<string, Values>, prefix: string): Promise<number[][]> {
  const losses: number[][] = [];
  const options = { batch: 2, sequence: 5, trained: ['lm_head.weight'], recompute: false, float: 'float64' as const };
  const graph = buildTraining(config, () => ({ kind: 'input' }), { ...options, device: portable });
  const session = await Session.open(graph, { threads: 1 });
  const own = Object.fromEntries(
    [...session.inputs.keys()].map((name) => [name, feeds[`${prefix}${name}`] ?? feeds[name]!]),
  );
  for (let i = 0; i < 10; i++) {
    const row: number[] = [];
    for (let v = 0; v < config.vocabSize; v++) {
      const targets = new Int32Array(10).fill(-100);
      targets[i] = v;
      // The cross-entropy of one position is −log q of its target: logits but for a constant.
      const { loss } = await session.run({ ...own, targets, scale: Float64Array.of(1) });
      row.push(-Number(loss![0]));
    }
    losses.push(row);
  }
  await session.close();
  return losses;
}

function logSoftmax(logits: readonly number[]): number[] {
  const total = Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0));
  return logits.map((z) => z - total);
}

test('the walk back stops below the lowest trained tensor', () => {
  const { graph } = graphOf({ config: { layers: 4 }, train: (c) => all(c).filter((n) => n.includes('.layers.2.')) });
  assert.deepEqual(
    graph.outputs.map((t) => t.name).filter((n) => !n.includes('.layers.2.')),
    ['loss'],
  );
  // Backward through layers 3 and 2 only: fewer nodes than if layer 1 were trained.
  const backwardNodes = (layer: number) =>
    graphOf({
      config: { layers: 4 },
      train: (c) => all(c).filter((n) => n.includes(`.layers.${layer}.`)),
    }).graph.nodes.filter((n) => n.name.startsWith('backward/')).length;
  const steps = [3, 2, 1, 0].map(backwardNodes);
  assert.deepEqual(
    [...steps].sort((x, y) => x - y),
    steps,
  );
  assert.equal(steps[2]! - steps[1]!, steps[1]! - steps[0]!, 'one layer of input gradients more for each');
});

test('a frozen tensor gets no gradient, not even inside a trained layer', () => {
  const { graph } = graphOf({ train: () => [down] });
  const products = graph.nodes.filter((n) => n.name.startsWith('backward/') && n.attributes['transA'] === 1);
  assert.equal(products.length, 1);
});

test('what is trained must be an input, and not adapted at the same time', () => {
  const config = tinyConfig();
  const options = { batch: 1, sequence: 4, trained: [q], recompute: false };
  const file = { kind: 'file', dtype: 'float32', external: { location: 'x', offset: 0, length: 1 } } as const;
  assert.throws(() => buildTraining(config, () => file, options), /must be an input/);
  const lora = new Map([[q, { rank: 2, scale: 1 }]]);
  assert.throws(
    () => buildTraining(config, () => ({ kind: 'input' }), { ...options, lora }),
    /both trained and adapted/,
  );
  assert.throws(() => buildTraining(config, () => ({ kind: 'input' }), { ...options, trained: ['x'] }), /no tensor x/);
});

test('large vocabularies are cut into parts of 256 rows and at most 256 MiB of logits, small ones are not', () => {
  assert.equal(headParts(1024, 256), 1);
  assert.equal(headParts(1024, 8192), 4);
  assert.equal(headParts(1024, 8192, true), 2);
  assert.equal(headParts(2048, 151_936), 8);
  assert.equal(headParts(7, 2 ** 26), 7);
});
