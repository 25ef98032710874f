import { logGamma } from './student.ts';

/** ln C(n, k). */
function logChoose(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}

/** P(X = k) for X ~ Binomial(n, p). */
function binomialProbability(k: number, n: number, p: number): number {
  if (p === 0) return k === 0 ? 1 : 0;
  if (p === 1) return k === n ? 1 : 0;
  return Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p));
}

/**
 * Exact two-sided binomial test: the total probability of all outcomes that are at most as likely as the one observed
 * (the rule of R's `binom.test` and SciPy's `binomtest`, with their relative tolerance of 1e-7 for ties).
 */
export function binomialTest(successes: number, trials: number, p = 0.5): number {
  const limit = binomialProbability(successes, trials, p) * (1 + 1e-7);
  let total = 0;
  for (let k = 0; k <= trials; k++) {
    const probability = binomialProbability(k, trials, p);
    if (probability <= limit) total += probability;
  }
  return Math.min(1, total);
}

/**
 * Exact McNemar test of paired yes/no results: of the documents that changed, `gained` went one way and `lost` the other;
 * under no difference each way is as likely (McNemar 1947; exact form as in statsmodels `mcnemar(exact=True)`).
 * Returns the two-sided p-value, 1 when nothing changed.
 */
export function mcnemarTest(gained: number, lost: number): number {
  return gained + lost === 0 ? 1 : binomialTest(gained, gained + lost);
}
