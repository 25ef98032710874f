import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptLayers } from '../../../src/model/open.ts';
import {
  activationBytes,
  autoRecompute,
  costOf,
  forwardFlopsPerToken,
  lowestTrained,
  peakMemory,
  recomputeAbove,
  stepSeconds,
  type Trained,
  trainingFlopsPerToken,
} from '../../../src/plan/cost.ts';
import { type Stack, stackOf } from '../../../src/plan/selectors.ts';
import type { TrainingShape } from '../../../src/plan/types.ts';
import { config } from './world.ts';

function model(
  layers: number,
  hidden: number,
  inner: number,
  heads: [number, number],
  vocabulary: number,
  tied = true,
): Stack {
  const shape = config({
    num_hidden_layers: layers,
    hidden_size: hidden,
    intermediate_size: inner,
    num_attention_heads: heads[0],
    num_key_value_heads: heads[1],
    vocab_size: vocabulary,
    max_position_embeddings: 2048,
    tie_word_embeddings: tied,
  });
  return stackOf(shape, keptLayers(layers));
}
const all = (stack: Stack): Trained => ({ names: new Set(stack.tensors.map((t) => t.name)) });
const inLayers = (stack: Stack, layers: number[]): Trained => ({
  names: new Set(stack.tensors.filter((t) => layers.includes(t.layer ?? -1)).map((t) => t.name)),
});
const lora = (stack: Stack, rank: number): Trained => ({
  names: new Set(),
  lora: { rank, weights: stack.tensors.filter((t) => t.name.includes('_proj')).map((t) => t.name) },
});
const shape = (batch: number, sequence: number, recompute = false): TrainingShape => ({
  steps: 1,
  batch,
  microBatch: batch,
  sequence,
  recompute,
  distilled: false,
});

const float32 = { dtype: 'float32', bytes: 4 } as const;

// Models whose training was measured on Linux (onnxruntime 1.30, two threads, float32).
const mini = model(6, 64, 176, [4, 2], 512);
const tiny = model(8, 96, 256, [4, 4], 1006);
const small = model(8, 192, 512, [6, 2], 256);
const medium = model(14, 512, 1408, [8, 4], 8192);
const grown = model(16, 512, 1408, [8, 4], 8192);
const large = model(18, 640, 1728, [10, 5], 32000);
const narrow = model(16, 256, 704, [4, 4], 4096);

const gigaflops: [name: string, stack: Stack, counted: number][] = [
  ['3.2M parameters', small, 24.5],
  ['45.5M parameters', medium, 302],
];
for (const [name, stack, counted] of gigaflops)
  test(`a step of 1,024 tokens, ${name}: ${counted} GFLOP`, () => {
    const flops = (1024 * trainingFlopsPerToken(stack, all(stack), 256, false)) / 1e9;
    assert.equal(Number(flops.toPrecision(3)), counted);
  });

/** Highest resident memory (VmHWM) of ten steps with the engine of this project, MB: bench/results/predictions.md. */
const megabytes: [name: string, stack: Stack, trained: Trained, shape: TrainingShape, measured: number][] = [
  ['0.3M, full', mini, all(mini), shape(8, 128), 201],
  ['1.0M, full, recomputed', tiny, all(tiny), shape(16, 64, true), 199],
  ['3.2M, full', small, all(small), shape(4, 256), 371],
  ['3.2M, four layers, 4 × 2', small, inLayers(small, [2, 3, 4, 5]), { ...shape(8, 256), microBatch: 2 }, 247],
  ['3.2M, full, distilled', small, all(small), { ...shape(4, 128), distilled: true }, 408],
  ['13M, full, recomputed', narrow, all(narrow), shape(4, 512, true), 609],
  ['13M, LoRA of rank 16', narrow, lora(narrow, 16), shape(4, 512), 1232],
  ['45M, full', medium, all(medium), shape(4, 256), 1613],
  ['45M, full, recomputed', medium, all(medium), shape(4, 256, true), 1104],
  ['51M, two layers of 16', grown, inLayers(grown, [3, 7]), shape(4, 256), 928],
  ['45M, LoRA of rank 8, 2 × 2', medium, lora(medium, 8), { ...shape(4, 256), microBatch: 2 }, 740],
  ['102M, full, 2 × 1', large, all(large), { ...shape(2, 256), microBatch: 1 }, 2559],
];
for (const [name, stack, trained, of, measured] of megabytes)
  test(`estimated memory is within 15 % of the measured ${measured} MB: ${name}`, () => {
    const estimated = peakMemory(stack, trained, of, float32) / 1e6;
    assert.ok(Math.abs(estimated / measured - 1) < 0.15, `${estimated.toFixed(0)} MB`);
  });

test('full training costs three forward passes, and a fourth with recompute', () => {
  const forward = forwardFlopsPerToken(small, 256);
  assert.equal(trainingFlopsPerToken(small, all(small), 256, false), 3 * forward);
  const head = 2 * 192 * 256;
  assert.equal(trainingFlopsPerToken(small, all(small), 256, true), 4 * forward - head);
});

test('nothing is computed below the lowest trained tensor, and frozen weights get no gradient', () => {
  const cost = (layers: number[]) => trainingFlopsPerToken(small, inLayers(small, layers), 256, false);
  assert.ok(cost([7]) < cost([4]));
  assert.ok(cost([4]) < cost([0]));
  assert.ok(cost([4]) < cost([4, 7]));
  const only = (name: string): Trained => ({ names: new Set([name]) });
  assert.equal(lowestTrained(small, only('model.norm.weight')), 8);
  assert.equal(lowestTrained(small, only('model.layers.3.input_layernorm.weight')), 3);
  assert.equal(lowestTrained(small, only('model.embed_tokens.weight')), 0);
  assert.equal(lowestTrained(small, lora(small, 1)), 0);
});

test('recompute: auto is on above 2 GiB of activations of one micro-batch, which it then saves', () => {
  assert.equal(autoRecompute(medium, all(medium), shape(8, 256)), false);
  assert.equal(autoRecompute(medium, all(medium), shape(16, 256)), true);
  assert.equal(autoRecompute(medium, inLayers(medium, [13]), shape(16, 256)), false);
  assert.ok(activationBytes(medium, all(medium), shape(16, 256)) > recomputeAbove);
  assert.ok(activationBytes(medium, all(medium), shape(16, 256, true)) < recomputeAbove / 2);
});

test('a step that also follows a teacher costs more than twice the arithmetic, and holds a second pass in memory', () => {
  const cost = (distilled: boolean) =>
    costOf(small, all(small), { ...shape(4, 64), distilled }, { tokens: 0, times: 0 }, float32);
  const [without, following] = [cost(false), cost(true)];
  assert.ok(following.flops > 2 * without.flops && following.flops < 2.5 * without.flops);
  assert.ok(following.memory > without.memory);
  assert.equal(following.trainTokens, without.trainTokens, 'what is only followed is not learnt');
});

test('a step takes as long as its nodes, their work by kind, the optimizer and the gradients of further passes', () => {
  const kinds = { Add: 1e-9, 'matrix product': 1e-10, 'matrix product, transposed': 2e-10 };
  const speed = { flopsPerSecond: 1e11, node: 1e-6, kinds, optimizer: 1e-9, sum: 5e-10 };
  const seconds = (of: TrainingShape, trained = all(small), changed: Partial<typeof speed> = {}) =>
    stepSeconds(small, trained, of, float32, { ...speed, ...changed });
  const once = seconds(shape(4, 256));
  assert.ok(once < seconds(shape(4, 256, true)));
  const twice = seconds({ ...shape(8, 256), microBatch: 4 });
  assert.ok(twice > 1.98 * once && twice < 2 * once, 'the optimizer runs once');
  assert.ok(seconds(shape(4, 256), inLayers(small, [7])) < once / 2);
  const parameters = small.tensors.reduce((sum, t) => sum + t.parameters, 0);
  const slower = seconds(shape(4, 256), all(small), { optimizer: 2e-9 });
  assert.ok(Math.abs(slower - once - 1e-9 * parameters) < 1e-9);
});

test('frozen matrices in four bits take five bits each; what is trained, embeddings and norms are as they were', () => {
  const bytes = (lowered?: 'bfloat16' | 'int4') =>
    peakMemory(medium, lora(medium, 8), shape(1, 16), { ...float32, ...(lowered && { lowered }) });
  const matrices = medium.tensors.filter((t) => t.name.includes('_proj')).reduce((sum, t) => sum + t.parameters, 0);
  // Beside one matrix at a time that is made float32.
  const most = 1.1 * 4 * 2 * 512 * 1408;
  for (const [lowered, each] of [
    ['bfloat16', 2],
    ['int4', 0.625],
  ] as const) {
    const saved = bytes() - bytes(lowered);
    const expected = (4 - each) * matrices;
    assert.ok(saved <= expected && saved > expected - most, `${lowered}: ${saved} of ${expected}`);
  }
});
