import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bootstrapped, bootstrapSums } from '../../../src/statistics/bootstrap.ts';
import { binomialTest, mcnemarTest } from '../../../src/statistics/exact.ts';
import { holm } from '../../../src/statistics/holm.ts';
import { kendallTau } from '../../../src/statistics/kendall.ts';
import { mean, quantile, skewness, standardDeviation, standardError, sum } from '../../../src/statistics/moments.ts';
import { normalCdf, normalDensity, normalQuantile } from '../../../src/statistics/normal.ts';
import { equivalenceTest, pairedTest } from '../../../src/statistics/paired.ts';
import {
  crossedHalfWidth,
  detectableEffect,
  noncentralStudentCdf,
  pairedPower,
} from '../../../src/statistics/power.ts';
import { studentCdf, studentInterval, studentQuantiles } from '../../../src/statistics/student.ts';

/** Every statistic against SciPy and statsmodels; `reference.py` wrote the values. */
const reference = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8'));

function near(actual: number, expected: number, what = '', tolerance = 1e-9): void {
  const allowed = tolerance * Math.max(1, Math.abs(expected));
  assert.ok(Math.abs(actual - expected) <= allowed, `${what}: ${actual} is not ${expected}`);
}

test('normal distribution: scipy.stats.norm', () => {
  for (const { x, cdf, density } of reference.normal) {
    near(normalCdf(x), cdf, `Φ(${x})`, 1e-13);
    near(normalDensity(x), density, `φ(${x})`);
  }
  for (const { p, x } of reference.normal_quantile) near(normalQuantile(p), x, `Φ⁻¹(${p})`);
  near(normalCdf(-8) / 6.220960574271786e-16, 1, 'far tail, relative');
  assert.equal(normalQuantile(0), Number.NEGATIVE_INFINITY);
  assert.ok(Number.isNaN(normalQuantile(1.1)));
});

test('Student t and noncentral t: scipy.stats.t and nct', () => {
  for (const { t, degrees, cdf } of reference.student) near(studentCdf(t, degrees), cdf, `t ${t}, ${degrees}`);
  for (const { t, degrees, delta, cdf } of reference.noncentral_student) {
    near(noncentralStudentCdf(t, degrees, delta), cdf, `nct ${t}, ${degrees}, ${delta}`);
  }
  near(noncentralStudentCdf(-1.2, 7, -0.4), 1 - noncentralStudentCdf(1.2, 7, 0.4), 'both sides');
});

test('many quantiles of Student t at once: scipy.stats.t', () => {
  for (const { degrees, values, last_of_10000 } of reference.student_quantiles) {
    const found = studentQuantiles(values.length, degrees);
    for (const [k, value] of values.entries()) near(found[k]!, value, `quantile ${k}, ${degrees}`);
    near(studentQuantiles(10_000, degrees)[9999]!, last_of_10000, `last, ${degrees}`);
    assert.equal(studentQuantiles(3, degrees)[1], 0);
  }
});

test('the sum of a t and a normal part (Behrens–Fisher): integrated by scipy.integrate', () => {
  for (const { seeds, documents, degrees, level, half } of reference.crossed) {
    near(crossedHalfWidth({ seeds, documents }, degrees, level), half, `${seeds} + ${documents}, ${degrees}`);
  }
});

test('power and detectable effect of the paired t test: statsmodels TTestPower', () => {
  for (const { n, effect, level, power } of reference.power) {
    near(pairedPower(n, effect, { level }), power, `power ${n}, ${effect}`);
  }
  for (const { n, power, effect } of reference.detectable) {
    near(detectableEffect(n, { power }), effect, `detectable ${n}, ${power}`);
  }
});

test('paired t, its interval, and TOST: scipy.stats.ttest_1samp, statsmodels ttost_mean', () => {
  for (const { values, t, p, low, high, equivalence } of reference.paired) {
    const result = pairedTest(values)!;
    near(result.t, t, 't');
    near(result.p, p, 'p');
    near(studentInterval(values)!.low, low, 'low');
    near(studentInterval(values)!.high, high, 'high');
    for (const { margin, ...expected } of equivalence) {
      const found = equivalenceTest(values, margin)!;
      for (const side of ['lower', 'upper', 'p'] as const) near(found[side], expected[side], `TOST ${margin} ${side}`);
    }
  }
});

test('exact tests, Holm, Kendall, moments: scipy.stats, statsmodels', () => {
  for (const { k, n, p0, p } of reference.binomial) near(binomialTest(k, n, p0), p, `binomial ${k} of ${n}`);
  for (const { gained, lost, p } of reference.mcnemar) near(mcnemarTest(gained, lost), p, `McNemar ${gained}, ${lost}`);
  for (const { p, adjusted } of reference.holm) {
    for (const [i, value] of holm(p).entries()) near(value, adjusted[i], `Holm ${p}`);
  }
  for (const { x, y, tau } of reference.kendall) near(kendallTau(x, y), tau, 'τ');
  const { values, quantiles, ...moments } = reference.moments;
  near(mean(values), moments.mean, 'mean');
  near(standardDeviation(values), moments.sd, 'sd');
  near(standardError(values), moments.sem, 'sem');
  near(skewness(values), moments.skewness, 'skewness');
  const sorted = [...values].sort((a, b) => a - b);
  for (const { p, value } of quantiles) near(quantile(sorted, p), value, `quantile ${p}`);
});

const statistics: Record<string, (sums: number[], n: number) => number> = {
  mean: ([x], n) => x! / n,
  ratio: ([x, y]) => x! / y!,
  exp_ratio: ([x, y]) => Math.exp(x! / y!),
};

for (const { name, columns, statistic, percentile, bca } of reference.bootstrap) {
  test(`bootstrap intervals within 3 Monte-Carlo standard errors of scipy.stats.bootstrap: ${name}`, () => {
    const of = statistics[statistic]!;
    const n = columns[0].length;
    const totals: number[] = columns.map(sum);
    const sums = bootstrapSums(columns, { resamples: bca.resamples, seed: 'reference' });
    const estimates = sums[0]!.map((_, r) =>
      of(
        sums.map((s) => s[r]!),
        n,
      ),
    );
    const leaveOneOut = Array.from({ length: n }, (_, i) =>
      of(
        totals.map((t, c) => t - columns[c][i]),
        n - 1,
      ),
    );
    const accelerated = bootstrapped(estimates, of(totals, n), leaveOneOut);
    const plain = bootstrapped(estimates, of(totals, n));
    for (const [found, expected, method] of [
      [accelerated, bca, 'BCa bootstrap'],
      [plain, percentile, 'percentile bootstrap'],
    ] as const) {
      assert.equal(found.method, method);
      const interval = found.interval(0.95);
      for (const [i, end] of (['low', 'high'] as const).entries()) {
        const error = Math.hypot(expected.sd[i], expected.sd[i] / Math.sqrt(expected.repeats));
        const distance = Math.abs(interval[end] - expected[end]);
        assert.ok(distance < 3 * error, `${method} ${end}: ${interval[end]}, SciPy ${expected[end]} ± ${error}`);
      }
    }
  });
}
