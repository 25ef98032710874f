import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LossScale } from '../../../src/engine/loss-scale.ts';

test('an overflow halves the scale, down to 1', () => {
  const scale = new LossScale();
  const first = scale.value;
  assert.equal(scale.lower(), true);
  assert.equal(scale.value, first / 2);
  while (scale.lower());
  assert.equal(scale.value, 1);
});

test('2000 steps without one double it, and the count goes on from a checkpoint', () => {
  const scale = new LossScale(1024, 1998);
  scale.held();
  assert.deepEqual([scale.value, scale.steady], [1024, 1999]);
  scale.held();
  assert.deepEqual([scale.value, scale.steady], [2048, 0]);
});
