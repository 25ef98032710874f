const rootTwoPi = Math.sqrt(2 * Math.PI);

/** Density of the standard normal distribution. */
export function normalDensity(x: number): number {
  return Math.exp((-x * x) / 2) / rootTwoPi;
}

/**
 * P(Z > x) for x ≥ 0. Near the centre ½ − φ(x)·(x + x³/3 + x⁵/(3·5) + …) (Marsaglia 2004, "Evaluating the normal
 * distribution"), further out Laplace's continued fraction φ(x)/(x + 1/(x + 2/(x + 3/…))), which loses nothing in the tail.
 */
function upperTail(x: number): number {
  if (x < 2.5) {
    let term = x;
    let sum = x;
    for (let k = 3; Math.abs(term) > 1e-18 * sum; k += 2) {
      term *= (x * x) / k;
      sum += term;
    }
    return 0.5 - normalDensity(x) * sum;
  }
  let fraction = x;
  for (let k = 200; k > 0; k--) fraction = x + k / fraction;
  return normalDensity(x) / fraction;
}

/** Distribution function of the standard normal, accurate to full precision in the lower tail. */
export function normalCdf(x: number): number {
  return x < 0 ? upperTail(-x) : 1 - upperTail(x);
}

/**
 * The p-quantile of the standard normal: the approximation 26.2.23 of Abramowitz and Stegun (error below 4.5e-4), refined by
 * Halley's method on the tail. ±Infinity at 0 and 1, NaN outside.
 */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p === 0) return Number.NEGATIVE_INFINITY;
  const t = Math.sqrt(-2 * Math.log(p));
  const above = 2.515517 + t * (0.802853 + t * 0.010328);
  const below = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  let x = t - above / below;
  for (let i = 0; i < 4; i++) {
    // P(Z > x) − p, divided by its slope −φ(x); the density's own slope is −xφ(x).
    const step = (normalCdf(-x) - p) / normalDensity(x);
    x += step / (1 - (x * step) / 2);
  }
  return x === 0 ? 0 : -x;
}
