import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../src/base/random.ts';
import { lossSpikes, stabilityOf, stabilityText } from '../../../src/report/stability.ts';

/** A loss that falls from 5 towards 2 with some noise, and what is added at some steps (from 1). */
function losses(jumps: Record<number, number> = {}, noise = 0.05) {
  const draw = random('losses');
  return Array.from({ length: 100 }, (_, i) => ({
    step: i + 1,
    loss: 2 + 3 * Math.exp(-i / 20) + noise * draw.normal() + (jumps[i + 1] ?? 0),
  }));
}

test('a falling, noisy loss has no spikes', () => {
  assert.deepEqual(lossSpikes(losses()), []);
  assert.deepEqual(lossSpikes(losses({}, 0)), []);
});

test('a jump is one spike, at its highest step, held against the median before it', () => {
  const spikes = lossSpikes(losses({ 40: 2, 41: 4, 42: 1.5, 80: 3 }));
  assert.deepEqual(
    spikes.map(({ step }) => step),
    [41, 80],
  );
  for (const { loss, usual } of spikes) {
    assert.ok(loss > 5);
    assert.ok(usual > 2 && usual < 3.5);
  }
});

test('one jump does not hide the next', () => {
  assert.equal(lossSpikes(losses({ 50: 5, 52: 5, 54: 5 })).length, 3);
});

test('a loss that hardly varies has no spikes below a tenth of it', () => {
  assert.deepEqual(lossSpikes(losses({ 90: 0.15 }, 0)), []);
  assert.equal(lossSpikes(losses({ 90: 0.5 }, 0)).length, 1);
});

test('nothing is said before the first step; then loss, gradient norm and how far each part moves, in the order of the model', () => {
  assert.equal(stabilityOf([]), undefined);
  const steps = losses({ 60: 4 }).map(({ step, loss }) => ({
    step,
    loss,
    tokens: step,
    grad_norm: step === 7 ? 12.345 : 0.5,
    lr: 1e-3,
    tokens_per_second: 1,
    wall: step,
  }));
  const updates = [{ step: 100, update_ratio: { 10: 0.002, 2: 0.0011, '2+': 1, embeddings: 0.0004, norm: 0 } }];
  assert.deepEqual(stabilityText(stabilityOf(steps, updates)!), [
    'loss: spikes at step 60 (6.22, before 2.27)',
    'gradient norm: median 0.5, highest 12.3 at step 7',
    'update ratio at step 100: embeddings 4.0e-4, 2 1.1e-3, 2+ 1.0e+0, 10 2.0e-3, norm 0.0e+0',
  ]);
});
