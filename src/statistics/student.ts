import { mean, standardError } from './moments.ts';

/** A two-sided interval. */
export interface Interval {
  low: number;
  high: number;
}

// Coefficients of the Lanczos approximation with g = 7, n = 9 (Godfrey 2001); relative error below 1e-14.
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(x) for x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const z = x - 1;
  let series = lanczos[0]!;
  for (let i = 1; i < lanczos.length; i++) series += lanczos[i]! / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(series);
}

/** Continued fraction of the incomplete beta function by the modified Lentz method (Numerical Recipes, 3rd ed., §6.4). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const awayFromZero = (v: number) => (Math.abs(v) < tiny ? tiny : v);
  let c = 1;
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1));
  let h = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / awayFromZero(1 + even * d);
    c = awayFromZero(1 + even / c);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / awayFromZero(1 + odd * d);
    c = awayFromZero(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) return h;
  }
  return h;
}

/**
 * Regularised incomplete beta function I_x(a, b), for x in [0, 1] and a, b > 0 (DLMF §8.17). `rest` is 1 − x, for callers
 * who know it more exactly than the subtraction would give it.
 */
export function incompleteBeta(x: number, a: number, b: number, rest = 1 - x): number {
  if (x <= 0) return 0;
  if (rest <= 0) return 1;
  const logX = x < 0.5 ? Math.log(x) : Math.log1p(-rest);
  const logRest = rest < 0.5 ? Math.log(rest) : Math.log1p(-x);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * logX + b * logRest);
  // The fraction converges fast below the mean of the distribution; above it the symmetry I_x(a,b) = 1 − I_{1−x}(b,a) helps.
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(rest, b, a)) / b;
}

/** P(T > t) for t ≥ 0 of Student's t: ½ I_{ν/(ν+t²)}(ν/2, ½) (Abramowitz and Stegun 26.7.1). */
function upperTail(t: number, degrees: number): number {
  const sum = degrees + t * t;
  return 0.5 * incompleteBeta(degrees / sum, degrees / 2, 0.5, (t * t) / sum);
}

/** Distribution function of Student's t with `degrees` > 0 degrees of freedom. */
export function studentCdf(t: number, degrees: number): number {
  return t < 0 ? upperTail(-t, degrees) : 1 - upperTail(t, degrees);
}

/**
 * The p-quantile of Student's t with `degrees` > 0 degrees of freedom, by bisection on the tail (halving until the bracket
 * cannot shrink, so the result is as exact as `incompleteBeta`). p in (0, 1); ±Infinity at the ends.
 */
export function studentQuantile(p: number, degrees: number): number {
  if (!(degrees > 0) || !(p >= 0 && p <= 1)) return Number.NaN;
  if (p < 0.5) return -studentQuantile(1 - p, degrees);
  if (p === 0.5) return 0;
  if (p === 1) return Number.POSITIVE_INFINITY;
  const tail = 1 - p;
  let low = 0;
  let high = 1;
  while (upperTail(high, degrees) > tail) {
    low = high;
    high *= 2;
  }
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    if (upperTail(middle, degrees) > tail) low = middle;
    else high = middle;
  }
}

/** Density of Student's t with `degrees` > 0 degrees of freedom. */
export function studentDensity(t: number, degrees: number): number {
  const half = (degrees + 1) / 2;
  const scale = logGamma(half) - logGamma(degrees / 2) - Math.log(degrees * Math.PI) / 2;
  return Math.exp(scale - half * Math.log1p((t * t) / degrees));
}

/**
 * The quantiles (k + ½)/count of Student's t, ascending. Each is found by Newton's method from the one before: above the
 * median the tail is convex, so that the steps come from below and never overshoot.
 */
export function studentQuantiles(count: number, degrees: number): Float64Array {
  const quantiles = new Float64Array(count);
  let t = 0;
  for (let k = count >> 1; k < count; k++) {
    const tail = 1 - (k + 0.5) / count;
    for (let step = Number.POSITIVE_INFINITY; step > 1e-12 * Math.max(1, t); t += step) {
      step = (upperTail(t, degrees) - tail) / studentDensity(t, degrees);
    }
    quantiles[count - 1 - k] = -t;
    quantiles[k] = t;
  }
  return quantiles;
}

/**
 * Student's t interval of a mean: x̄ ± t_{n−1, (1+level)/2} · s/√n. Undefined below two values: there is no spread to see.
 * Equal values give an interval of width zero.
 */
export function studentInterval(values: ArrayLike<number>, level = 0.95): Interval | undefined {
  if (values.length < 2) return undefined;
  const half = studentQuantile((1 + level) / 2, values.length - 1) * standardError(values);
  const centre = mean(values);
  return { low: centre - half, high: centre + half };
}
