import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random } from '../../../src/base/random.ts';
import { bootstrapSums, pairedInterval, percentileInterval, sharedDraws } from '../../../src/statistics/bootstrap.ts';
import { mean, standardError } from '../../../src/statistics/moments.ts';

test('the same seed gives the same interval, another seed another one', () => {
  const values = Array.from({ length: 50 }, (_, i) => (i * 37) % 11);
  assert.deepEqual(pairedInterval(values, { seed: 7 }), pairedInterval(values, { seed: 7 }));
  assert.notDeepEqual(bootstrapSums([values], { seed: 7 }), bootstrapSums([values], { seed: 8 }));
});

test('columns are resampled together: a difference of sums is the sum of differences', () => {
  const generator = random('columns');
  const a = Array.from({ length: 40 }, () => generator.below(2));
  const b = Array.from({ length: 40 }, () => generator.below(2));
  const [sumsA, sumsB, sumsD] = bootstrapSums([a, b, a.map((v, i) => v - b[i]!)], { resamples: 500, seed: 1 });
  for (let r = 0; r < 500; r++) assert.equal(sumsA![r]! - sumsB![r]!, sumsD![r]!);
});

test('a constant difference has an interval of width zero', () => {
  assert.deepEqual(pairedInterval(new Array(30).fill(0.25), { resamples: 200 }), { low: 0.25, high: 0.25 });
});

test('for 0/1 values the interval is that of the binomial, computed exactly', () => {
  // 30 ones among 100: the number of ones in a resample is Binomial(100, 0.3), whose 2.5 % and 97.5 % points are 21 and 39.
  const interval = pairedInterval(
    Array.from({ length: 100 }, (_, i) => (i < 30 ? 1 : 0)),
    { seed: 3 },
  );
  assert.deepEqual(interval, { low: 0.21, high: 0.39 });
});

test('for many values it approaches mean ± 1.96 standard errors', () => {
  const generator = random('normal');
  const values = Array.from({ length: 400 }, () => generator.normal() + 0.3);
  const interval = pairedInterval(values, { seed: 5 });
  const half = 1.959964 * standardError(values);
  assert.ok(Math.abs(interval.low - (mean(values) - half)) < 0.1 * half);
  assert.ok(Math.abs(interval.high - (mean(values) + half)) < 0.1 * half);
});

test('it covers the true mean about as often as it says', () => {
  const generator = random('coverage');
  let covered = 0;
  for (let trial = 0; trial < 200; trial++) {
    const values = Array.from({ length: 80 }, () => (generator.float() < 0.6 ? 1 : 0));
    const { low, high } = pairedInterval(values, { seed: trial, resamples: 1000 });
    if (low <= 0.6 && 0.6 <= high) covered++;
  }
  assert.ok(covered >= 180 && covered <= 198, `covered ${covered} of 200`);
});

test('a percentile interval lies inside the values and grows with the level', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 60 }),
      fc.double({ min: 0.1, max: 0.9, noNaN: true }),
      (values, level) => {
        const narrow = percentileInterval(values, level);
        const wide = percentileInterval(values, level + 0.05);
        assert.ok(narrow.low <= narrow.high + 1e-12);
        assert.ok(wide.low <= narrow.low + 1e-12 && wide.high >= narrow.high - 1e-12);
        assert.ok(wide.low >= Math.min(...values) - 1e-12 && wide.high <= Math.max(...values) + 1e-12);
      },
    ),
  );
});

test('columns of unequal length are a defect', () => {
  assert.throws(() => bootstrapSums([[1, 2], [1]]), RangeError);
});

test('draws made once give the sums that each call would have drawn itself', () => {
  const columns = [Array.from({ length: 30 }, (_, i) => i), Array.from({ length: 30 }, (_, i) => (i * 7) % 11)];
  const options = { resamples: 200, seed: 4 };
  const draws = sharedDraws(30, options);
  assert.deepEqual(bootstrapSums(columns, { ...options, draws }), bootstrapSums(columns, options));
  assert.throws(() => bootstrapSums([[1, 2]], { ...options, draws }), RangeError);
  assert.equal(sharedDraws(1_000_000), undefined, 'too many to be kept');
});
