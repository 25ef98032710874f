import assert from 'node:assert/strict';
import { test } from 'node:test';
import studentQuantileOracle from '@stdlib/stats-base-dists-t-quantile';
import fc from 'fast-check';
import { binomialTest, mcnemarTest } from '../../../src/statistics/exact.ts';
import { holm } from '../../../src/statistics/holm.ts';
import { kendallTau } from '../../../src/statistics/kendall.ts';
import { mean, quantile, standardDeviation, standardError } from '../../../src/statistics/moments.ts';
import {
  incompleteBeta,
  logGamma,
  studentCdf,
  studentInterval,
  studentQuantile,
} from '../../../src/statistics/student.ts';

function near(actual: number, expected: number, relative = 1e-12): void {
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.max(1, Math.abs(expected)),
    `${actual} is not within ${relative} of ${expected}`,
  );
}

test('moments of a sample worked out by hand', () => {
  const values = [2, 4, 4, 4, 5, 5, 7, 9];
  assert.equal(mean(values), 5);
  near(standardDeviation(values), Math.sqrt(32 / 7));
  near(standardError(values), Math.sqrt(32 / 7 / 8));
  assert.ok(Number.isNaN(standardDeviation([3])));
  assert.ok(Number.isNaN(mean([])));
});

test('quantiles interpolate as R type 7 and NumPy do', () => {
  assert.equal(quantile([1, 2, 3, 4], 0), 1);
  assert.equal(quantile([1, 2, 3, 4], 1), 4);
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  near(quantile([1, 2, 3, 4], 0.975), 3.925);
  assert.equal(quantile([7], 0.3), 7);
});

test('logGamma at points known in closed form', () => {
  for (const n of [1, 2, 3, 5, 10, 20]) {
    let factorial = 1;
    for (let k = 2; k < n; k++) factorial *= k;
    near(logGamma(n), Math.log(factorial), 1e-13);
  }
  near(logGamma(0.5), Math.log(Math.sqrt(Math.PI)), 1e-13);
  near(logGamma(0.1), 2.252712651734206, 1e-13);
});

test('incomplete beta at points known in closed form', () => {
  near(incompleteBeta(0.3, 1, 1), 0.3);
  near(incompleteBeta(0.3, 2, 1), 0.09);
  near(incompleteBeta(0.3, 1, 4), 1 - 0.7 ** 4);
  near(incompleteBeta(0.5, 6.5, 6.5), 0.5);
});

test('quantiles of Student t: printed tables and closed forms', () => {
  const table: [p: number, degrees: number, value: number][] = [
    [0.975, 1, 12.7062047361747],
    [0.975, 2, 4.302652729749464],
    [0.975, 3, 3.18244630528371],
    [0.975, 7, 2.364624251592785],
    [0.95, 10, 1.812461122811676],
    [0.995, 30, 2.749995653567231],
    [0.975, 120, 1.97993040508244],
    [0.75, 1, 1],
  ];
  for (const [p, degrees, value] of table) near(studentQuantile(p, degrees), value);
  near(studentQuantile(0.975, 1e6), 1.959966356814107, 1e-10);
  // Close to the median, where 1 − x of the incomplete beta function must not be lost in a subtraction.
  near(studentQuantile(0.4999986543166278, 1525) * 1e6, -3.3736810065, 1e-8);
  assert.equal(studentQuantile(0.5, 4), 0);
  assert.equal(studentQuantile(1, 4), Number.POSITIVE_INFINITY);
  assert.ok(Number.isNaN(studentQuantile(0.5, 0)));
});

test('quantiles of Student t agree with @stdlib and invert the distribution function', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 2000 }), (p, degrees) => {
      const t = studentQuantile(p, degrees);
      near(t, studentQuantileOracle(p, degrees), 1e-10);
      near(studentCdf(t, degrees), p, 1e-12);
    }),
  );
});

test('the t interval of three seeds, by hand', () => {
  // mean 0.80, sd 0.02, t(.975, 2) = 4.302652…: half width 4.302652 · 0.02 / √3.
  const interval = studentInterval([0.78, 0.8, 0.82])!;
  near(interval.low, 0.8 - (4.302652729749464 * 0.02) / Math.sqrt(3));
  near(interval.high, 0.8 + (4.302652729749464 * 0.02) / Math.sqrt(3));
  assert.equal(studentInterval([0.8]), undefined);
  assert.deepEqual(studentInterval([1, 1, 1]), { low: 1, high: 1 });
});

test('the exact binomial test: hand-computed sums', () => {
  near(binomialTest(3, 17), 0.012725830078125);
  near(binomialTest(0, 6), 2 / 64);
  near(binomialTest(5, 10), 1);
  // R: binom.test(682, 925, p = 0.75)$p.value
  near(binomialTest(682, 925, 0.75), 0.3824916, 1e-6);
  assert.equal(binomialTest(0, 4, 0), 1);
});

test('the exact McNemar test looks at changed documents only', () => {
  assert.equal(mcnemarTest(0, 0), 1);
  near(mcnemarTest(6, 0), 2 / 64);
  near(mcnemarTest(4, 0), 2 / 16);
  near(mcnemarTest(10, 2), (2 * (1 + 12 + 66)) / 4096);
  fc.assert(
    fc.property(fc.nat(60), fc.nat(60), (a, b) => {
      const p = mcnemarTest(a, b);
      near(p, mcnemarTest(b, a));
      assert.ok(p > 0 && p <= 1);
    }),
  );
});

test('Holm: the worked example of R p.adjust', () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  for (const [i, expected] of [0.03, 0.06, 0.06, 0.02].entries()) near(adjusted[i]!, expected);
  assert.deepEqual(holm([]), []);
});

test('Holm never lowers a p-value, keeps the order and stays at most 1', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }), (p) => {
      const adjusted = holm(p);
      for (let i = 0; i < p.length; i++) {
        assert.ok(adjusted[i]! >= p[i]! && adjusted[i]! <= 1);
        for (let j = 0; j < p.length; j++) if (p[i]! < p[j]!) assert.ok(adjusted[i]! <= adjusted[j]!);
      }
    }),
  );
});

test('Kendall τ-b: SciPy documentation example, and the ends of the scale', () => {
  near(kendallTau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]), -0.47140452079103173);
  assert.equal(kendallTau([1, 2, 3, 4], [10, 20, 30, 40]), 1);
  assert.equal(kendallTau([1, 2, 3, 4], [4, 3, 2, 1]), -1);
  assert.ok(Number.isNaN(kendallTau([1, 1, 1], [1, 2, 3])));
  assert.throws(() => kendallTau([1, 2], [1]), RangeError);
});
