/** Sum of the values; 0 for none. */
export function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/** Arithmetic mean; NaN for none. */
export function mean(values: ArrayLike<number>): number {
  return sum(values) / values.length;
}

/** Sample standard deviation with n − 1 in the denominator; NaN below two values. */
export function standardDeviation(values: ArrayLike<number>): number {
  if (values.length < 2) return Number.NaN;
  const centre = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - centre) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/** Standard error of the mean, sd(n − 1)/√n, as lm-evaluation-harness gives it (`api/metrics.py`, `mean_stderr`). */
export function standardError(values: ArrayLike<number>): number {
  return standardDeviation(values) / Math.sqrt(values.length);
}

/** Skewness m₃ / m₂^1.5, moments with n in the denominator (`scipy.stats.skew`); NaN where the values do not differ. */
export function skewness(values: ArrayLike<number>): number {
  const centre = mean(values);
  let [squares, cubes] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const d = values[i]! - centre;
    squares += d * d;
    cubes += d * d * d;
  }
  return (Math.sqrt(values.length) * cubes) / squares ** 1.5;
}

/**
 * The p-quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996, "Sample quantiles in
 * statistical packages"; the default of R and NumPy). `sorted` ascending and not empty; p in [0, 1].
 */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  const position = (sorted.length - 1) * p;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}
