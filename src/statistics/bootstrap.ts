import { random } from '../base/random.ts';
import { quantile, skewness } from './moments.ts';
import { normalCdf, normalQuantile } from './normal.ts';
import type { Interval } from './student.ts';

export interface BootstrapOptions {
  /** Resamples drawn; 10,000 unless told otherwise. */
  resamples?: number;
  /** The same seed gives the same resamples, on every machine. */
  seed?: number | string;
  /** Draws made before (`sharedDraws`), which then take the place of `resamples` and `seed`. */
  draws?: Draws | undefined;
}

/** How often each of n things was drawn in each resample, `[resamples][n]`. */
export interface Draws {
  n: number;
  counts: Uint8Array;
}

export const defaultResamples = 10_000;

/**
 * Nonparametric bootstrap over documents (Efron 1979; Efron and Tibshirani 1993, ch. 6): every resample draws n of the n
 * documents with replacement and sums each column over the draw. All columns see the same draw, so that differences and
 * ratios of columns are paired. `columns` are `[documents]` each, of equal length n ≥ 1; returns `[columns][resamples]`.
 */
export function bootstrapSums(columns: readonly ArrayLike<number>[], options: BootstrapOptions = {}): Float64Array[] {
  const n = columns[0]?.length ?? 0;
  if (columns.some((column) => column.length !== n)) throw new RangeError('bootstrap columns differ in length');
  const { resamples = defaultResamples, seed = 0, draws } = options;
  if (draws && draws.counts.length !== n * resamples) throw new RangeError('these draws are of another size');
  const draw = draws ? replay(draws) : drawer(n, 'bootstrap', seed);
  const values = columns.map((column) => Float64Array.from(column));
  const sums = columns.map(() => new Float64Array(resamples));
  // How often each document was drawn: adding up a column is then one straight walk, however the draws jumped about.
  const drawn = new Float64Array(n);
  for (let r = 0; r < resamples; r++) {
    draw(drawn);
    let c = 0;
    for (; c + 3 < values.length; c += 4) sumFour(values, drawn, sums, c, r);
    for (; c < values.length; c++) sums[c]![r] = weightedSum(values[c]!, drawn);
  }
  return sums;
}

/** A source of draws of n things from n with replacement: fills an array with how often each was drawn. */
function drawer(n: number, ...seed: (string | number)[]): (counts: Float64Array) => void {
  const generator = random(...seed);
  // 32 bits spread over n things: no chance is off by more than one part in 2³²/n.
  const scale = n / 2 ** 32;
  return (counts) => {
    counts.fill(0);
    for (let k = 0; k < n; k++) counts[(generator.uint32() * scale) | 0]!++;
  };
}

/** Draws are kept up to this size; larger ones are made anew each time. */
const largestDraws = 2 ** 25;

/**
 * Draws for several calls of `bootstrapSums` over equally many documents, made once; undefined where they would take much memory.
 * The same as it would draw itself.
 */
export function sharedDraws(n: number, options: Omit<BootstrapOptions, 'draws'> = {}): Draws | undefined {
  const { resamples = defaultResamples, seed = 0 } = options;
  if (n * resamples > largestDraws) return undefined;
  const draw = drawer(n, 'bootstrap', seed);
  const counts = new Uint8Array(n * resamples);
  const drawn = new Float64Array(n);
  for (let r = 0; r < resamples; r++) {
    draw(drawn);
    counts.set(drawn, r * n);
  }
  return { n, counts };
}

/** A source that gives the draws made before, one resample after another. */
function replay({ n, counts }: Draws): (drawn: Float64Array) => void {
  let r = 0;
  return (drawn) => {
    const first = n * r++;
    for (let i = 0; i < n; i++) drawn[i] = counts[first + i]!;
  };
}

function weightedSum(values: Float64Array, weights: Float64Array): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += values[i]! * weights[i]!;
  return total;
}

/** Four columns at once: each weight is read once for all of them, and the four sums do not wait for each other. */
function sumFour(values: Float64Array[], weights: Float64Array, sums: Float64Array[], first: number, r: number): void {
  const [a, b, c, d] = values.slice(first, first + 4) as [Float64Array, Float64Array, Float64Array, Float64Array];
  let [sa, sb, sc, sd] = [0, 0, 0, 0];
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i]!;
    sa += a[i]! * w;
    sb += b[i]! * w;
    sc += c[i]! * w;
    sd += d[i]! * w;
  }
  sums[first]![r] = sa;
  sums[first + 1]![r] = sb;
  sums[first + 2]![r] = sc;
  sums[first + 3]![r] = sd;
}

/** The percentile interval of bootstrap estimates (Efron and Tibshirani 1993, §13.3): the central `level` of them. */
export function percentileInterval(estimates: ArrayLike<number>, level = 0.95): Interval {
  const sorted = Float64Array.from(estimates).sort();
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2) };
}

/** Interval of the mean of paired differences `[documents]`. */
export function pairedInterval(differences: ArrayLike<number>, options: BootstrapOptions = {}, level = 0.95): Interval {
  const [sums] = bootstrapSums([differences], options);
  return percentileInterval(
    sums!.map((s) => s / differences.length),
    level,
  );
}

export type BootstrapMethod = 'BCa bootstrap' | 'percentile bootstrap';

/** What the resamples say of one estimate. */
export interface Bootstrapped {
  method: BootstrapMethod;
  /** Estimates whose percentile intervals are `interval`: those of the resamples, moved as BCa moves them; ascending. */
  estimates(): Float64Array;
  interval(level: number): Interval;
  /** Two-sided p-value of "the true value is zero": the interval of level 1 − p just touches zero. At least 2 / resamples. */
  p: number;
}

/**
 * Bias-corrected and accelerated bootstrap (BCa; Efron 1987; Efron and Tibshirani 1993, §14.3). The bias correction is the
 * share of estimates below the observed value, ties by half, the acceleration the skewness of the leave-one-out values
 * (`scipy.stats.bootstrap` has the same). Where these are not defined (all estimates on one side, or leave-one-out values
 * without spread), or no leave-one-out values are given, it is the percentile interval, and `method` says so.
 * @param estimates of the resamples
 * @param leaveOneOut the estimate without each document in turn
 */
export function bootstrapped(
  estimates: ArrayLike<number>,
  observed: number,
  leaveOneOut?: ArrayLike<number>,
): Bootstrapped {
  const sorted = Float64Array.from(estimates).sort();
  const below = countBelow(sorted, observed);
  const upTo = countBelow(sorted, observed, true);
  const bias = normalQuantile((below + upTo) / 2 / sorted.length);
  const acceleration = leaveOneOut ? accelerationOf(leaveOneOut) : Number.NaN;
  const defined = Number.isFinite(bias) && Number.isFinite(acceleration);
  const [z0, a] = defined ? [bias, acceleration] : [0, 0];
  const adjusted = (p: number) => {
    const z = z0 + normalQuantile(p);
    return normalCdf(z0 + z / (1 - a * z));
  };
  const nominal = (share: number) => {
    const z = normalQuantile(share) - z0;
    return normalCdf(z / (1 + a * z) - z0);
  };
  const least = 1 / sorted.length;
  const side = (count: number) => Math.min(1 - least, Math.max(least, count / sorted.length));
  const fromBelow = nominal(side(countBelow(sorted, 0, true)));
  const fromAbove = 1 - nominal(side(countBelow(sorted, 0)));
  return {
    method: defined ? 'BCa bootstrap' : 'percentile bootstrap',
    estimates: () => (defined ? sorted.map((_, r) => quantile(sorted, adjusted((r + 0.5) / sorted.length))) : sorted),
    interval: (level) => ({
      low: quantile(sorted, adjusted((1 - level) / 2)),
      high: quantile(sorted, adjusted((1 + level) / 2)),
    }),
    p: Math.min(1, Math.max(2 * least, 2 * Math.min(fromBelow, fromAbove))),
  };
}

/** p-value of "the true value is not within ±margin": the larger of the two one-sided ones (TOST, Schuirmann 1987). */
export function equivalenceP(estimates: Float64Array, margin: number): number {
  const beyond = [estimates.filter((e) => e <= -margin).length, estimates.filter((e) => e >= margin).length];
  return Math.max(1, ...beyond) / estimates.length;
}

/** How many of the ascending values are below `limit` (or at most `limit`). */
function countBelow(sorted: Float64Array, limit: number, orEqual = false): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < limit || (orEqual && sorted[middle] === limit)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Σ(m − vᵢ)³ / (6 (Σ(m − vᵢ)²)^1.5), m the mean of the leave-one-out values; NaN where they do not differ. */
function accelerationOf(leaveOneOut: ArrayLike<number>): number {
  return -skewness(leaveOneOut) / (6 * Math.sqrt(leaveOneOut.length));
}
