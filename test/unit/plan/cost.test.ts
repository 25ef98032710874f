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

// Models whose training was measured on Linux (onnxruntime 1.30, two threads, float32).
const tiny = model(8, 96, 256, [4, 4], 1006);
const small = model(8, 192, 512, [6, 2], 256);
const medium = model(14, 512, 1408, [8, 4], 8192);
const deep = model(18, 512, 1408, [8, 4], 8192);
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

/** Peak resident memory of four steps with the engine of this project, MB. */
const megabytes: [name: string, stack: Stack, trained: Trained, shape: TrainingShape, measured: number][] = [
  ['1.0M, all trained, 16 × 64', tiny, all(tiny), shape(16, 64), 260],
  ['3.2M, all trained, 4 × 256', small, all(small), shape(4, 256), 407],
  ['45.5M, all trained, 4 × 256', medium, all(medium), shape(4, 256), 1897],
  ['45.5M, all trained, two times 4 × 256', medium, all(medium), { ...shape(8, 256), microBatch: 4 }, 2231],
  ['45.5M, all trained, recomputed', medium, all(medium), shape(4, 256, true), 1291],
  ['45.5M, the last two layers trained', medium, inLayers(medium, [12, 13]), shape(4, 256), 647],
  ['45.5M, LoRA rank 8', medium, lora(medium, 8), shape(4, 256), 1185],
  ['57.3M, four layers of 18 trained', deep, inLayers(deep, [2, 4, 6, 8]), shape(4, 256), 1379],
  ['16 layers, 4 × 512', narrow, all(narrow), shape(4, 512), 1557],
  ['16 layers, 4 × 512, recomputed', narrow, all(narrow), shape(4, 512, true), 711],
];
for (const [name, stack, trained, of, measured] of megabytes)
  test(`estimated memory is within 15 % of the measured ${measured} MB: ${name}`, () => {
    const estimated = peakMemory(stack, trained, of, 4) / 1e6;
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
  assert.equal(autoRecompute(medium, all(medium), shape(12, 256)), true);
  assert.equal(autoRecompute(medium, inLayers(medium, [13]), shape(12, 256)), false);
  assert.ok(activationBytes(medium, all(medium), shape(12, 256)) > recomputeAbove);
  assert.ok(activationBytes(medium, all(medium), shape(12, 256, true)) < recomputeAbove / 2);
});

test('a step that also follows a teacher costs more than twice the arithmetic, and holds a second pass in memory', () => {
  const cost = (distilled: boolean) =>
    costOf(small, all(small), { ...shape(4, 64), distilled }, { tokens: 0, times: 0 }, 4);
  const [without, following] = [cost(false), cost(true)];
  assert.ok(following.flops > 2 * without.flops && following.flops < 2.5 * without.flops);
  assert.ok(following.memory > without.memory);
  assert.equal(following.trainTokens, without.trainTokens, 'what is only followed is not learnt');
});
