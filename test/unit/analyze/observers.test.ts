import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockObserver, blockStarts, describeAttention } from '../../../src/analyze/observers.ts';
import { variants } from '../../../src/analyze/scan.ts';
import { angularDistance, cosine } from '../../../src/analyze/similarity.ts';
import type { ScoringPlan } from '../../../src/engine/scoring-plan.ts';

const near = (actual: number, expected: number, within = 1e-12) =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);

test('the angle between states is measured in half turns', () => {
  const states = Float32Array.from([1, 0, 0, 1, -2, 0, 3, 3, 0, 0]);
  const angle = (i: number, j: number) => angularDistance(cosine(states, i, states, j, 2));
  near(angle(0, 0), 0);
  near(angle(0, 1), 0.5);
  near(angle(0, 2), 1);
  near(angle(0, 3), 0.25, 1e-8);
  // Nothing has no direction: against itself nothing changed, against something it is neither near nor opposite.
  near(angle(4, 4), 0);
  near(angle(4, 0), 0.5);
});

test('rounding never takes a cosine out of its range', () => {
  const states = Float32Array.from([0.1, 0.2, 0.3]);
  assert.ok(cosine(states, 0, states, 0, 3) <= 1);
});

test('a removed layer is left out, a duplicated one runs twice; the rest begins at the states', () => {
  assert.deepEqual(variants.removal.whole(1, 4), [0, 2, 3]);
  assert.deepEqual(variants.removal.rest(1, 4), [2, 3]);
  assert.deepEqual(variants.removal.rest(3, 4), []);
  assert.deepEqual(variants.duplication.whole(1, 4), [0, 1, 1, 2, 3]);
  assert.deepEqual(variants.duplication.rest(1, 4), [1, 2, 3]);
});

test('attention is described per query as means over heads', () => {
  // One row of three tokens: two of one text, then one of another; two heads.
  const positions = Int32Array.from([0, 1, 0]);
  const probabilities = Float32Array.from([...[1, 0, 0, 0.25, 0.75, 0, 0, 0, 1], ...[1, 0, 0, 0.5, 0.5, 0, 0, 0, 1]]);
  const { entropy, first_token, distance } = describeAttention(probabilities, positions, 3);
  near(entropy[0]!, 0);
  near(entropy[1]!, (-(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75)) + Math.log(2)) / 2);
  assert.deepEqual([...first_token], [1, 0.375, 1]);
  assert.deepEqual([...distance], [0, 0.375, 0]);
});

test('blocks of n layers compare the inputs of layers l and l + n at the last token of each request', () => {
  assert.deepEqual(
    blockStarts(3).map(({ from, size }) => `${from}+${size}`),
    ['0+1', '1+1', '2+1', '0+2', '1+2', '0+3'],
  );
  // Two requests of two tokens in one row of four; hidden size 2. Only the second token of each counts.
  const plan: ScoringPlan = {
    batches: [],
    blank: () => [],
    place: (request) => ({ batch: 0, length: 2, row: (position) => 2 * request + position }),
  };
  const seen = blockObserver(2, 2).open(plan, [0, 1]);
  const states = (a: number[], b: number[]) => Float32Array.from([9, 9, ...a, -9, 9, ...b]);
  const [x0, x1, x2] = [states([1, 0], [1, 0]), states([0, 1], [1, 0]), states([-1, 0], [0, 1])];
  seen.layer!(0, 0, x0, x1);
  seen.layer!(1, 0, x1, x2);
  // Sums over both: first layer ½ + 0, second ½ + ½, both 1 + ½.
  assert.deepEqual(
    [...seen.finish()].map((x) => Math.round(x * 1e6) / 1e6),
    [0.5, 1, 1.5],
  );
});
