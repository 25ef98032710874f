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
  const width = columns.length;
  const n = columns[0]?.length ?? 0;
  if (columns.some((column) => column.length !== n)) throw new RangeError('bootstrap columns differ in length');
  const resamples = options.resamples ?? defaultResamples;
  const generator = random('bootstrap', options.seed ?? 0);
  // One document's values lie side by side, so that a draw touches one stretch of memory however many columns there are.
  const rows = new Float64Array(n * width);
  for (const [c, column] of columns.entries()) for (let i = 0; i < n; i++) rows[i * width + c] = column[i]!;
  const sums = columns.map(() => new Float64Array(resamples));
  const total = new Float64Array(width);
  for (let r = 0; r < resamples; r++) {
    total.fill(0);
    for (let k = 0; k < n; k++) {
      const at = generator.below(n) * width;
      for (let c = 0; c < width; c++) total[c]! += rows[at + c]!;
    }
    for (let c = 0; c < width; c++) sums[c]![r] = total[c]!;
  }
  return sums;
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
