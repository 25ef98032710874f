import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smallerSettings, trainingMemory } from '../../../src/engine/device-memory.ts';
import { expectedTensors } from '../../../src/model/names.ts';
import { keptLayers } from '../../../src/model/open.ts';
import { stackOf } from '../../../src/plan/selectors.ts';
import { tinyConfig } from '../../engine/tiny.ts';

const config = tinyConfig({
  hiddenSize: 512,
  intermediateSize: 1408,
  heads: 8,
  kvHeads: 8,
  headDim: 64,
  vocabSize: 8192,
  layers: 12,
});
const stack = stackOf(config, keptLayers(12));
const all = { names: new Set(expectedTensors(config).map((t) => t.name)) };
const shape = { batch: 8, microBatch: 8, sequence: 512, recompute: false, distilled: false };
const total = (changed: Partial<typeof shape>) => {
  const { weights, state, activations } = trainingMemory(stack, all, { ...shape, ...changed });
  return weights + state + activations;
};

test('what is trained is there four times, five where gradients are summed, and not among the frozen weights', () => {
  const parameters = expectedTensors(config).reduce((sum, t) => sum + t.shape.reduce((a, b) => a * b, 1), 0);
  const whole = trainingMemory(stack, all, shape);
  assert.deepEqual([whole.weights, whole.state], [0, 16 * parameters]);
  assert.equal(trainingMemory(stack, all, { ...shape, microBatch: 4 }).state, 20 * parameters);
  const frozen = trainingMemory(stack, { names: new Set() }, shape);
  assert.deepEqual([frozen.weights, frozen.state], [4 * parameters, 0]);
});

test('recomputation and smaller passes need less, and are proposed with what they need', () => {
  assert.ok(total({ recompute: true }) < total({}));
  assert.ok(total({ recompute: true, microBatch: 4 }) < total({ recompute: true }));
  const remedy = smallerSettings(stack, all, shape);
  assert.match(remedy, /^Set `recompute: true` \(about [\d.]+ GiB; the run goes on with it where it stands/);
  assert.match(remedy, /or `recompute: true` with `micro_batch: 4` \(about [\d.]+ GiB; another run\)/);
});

test('what is set already is not proposed', () => {
  const least = smallerSettings(stack, all, { ...shape, microBatch: 1, recompute: true });
  assert.equal(least, 'Training fewer tensors, LoRA, or `device: cpu` need less of it.');
  assert.doesNotMatch(smallerSettings(stack, all, { ...shape, recompute: true }), /goes on/);
});
