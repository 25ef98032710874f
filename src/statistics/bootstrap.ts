import { random } from '../base/random.ts';
import { quantile } from './moments.ts';
import type { Interval } from './student.ts';

export interface BootstrapOptions {
  /** Resamples drawn; 10,000 unless told otherwise. */
  resamples?: number;
  /** The same seed gives the same resamples, on every machine. */
  seed?: number | string;
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
  const resamples = options.resamples ?? defaultResamples;
  const generator = random('bootstrap', options.seed ?? 0);
  const values = columns.map((column) => Float64Array.from(column));
  const sums = columns.map(() => new Float64Array(resamples));
  // How often each document was drawn: adding up a column is then one straight walk, however the draws jumped about.
  const drawn = new Int32Array(n);
  // 32 bits spread over n documents: no document's chance is off by more than one part in 2³²/n.
  const scale = n / 2 ** 32;
  for (let r = 0; r < resamples; r++) {
    drawn.fill(0);
    for (let k = 0; k < n; k++) drawn[(generator.uint32() * scale) | 0]!++;
    for (const [c, column] of values.entries()) sums[c]![r] = weightedSum(column, drawn);
  }
  return sums;
}

function weightedSum(values: Float64Array, weights: Int32Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]! * weights[i]!;
  return total;
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
