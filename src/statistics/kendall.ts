/**
 * Kendall's τ-b of two rankings of the same things (Kendall 1945): (concordant − discordant) / √((P − tiesX)(P − tiesY)),
 * P = n(n−1)/2; without ties it is τ-a. NaN when either side is constant or has fewer than two values. O(n²): made for layers.
 */
export function kendallTau(x: ArrayLike<number>, y: ArrayLike<number>): number {
  if (x.length !== y.length) throw new RangeError(`Kendall's τ needs equal lengths, got ${x.length} and ${y.length}`);
  let balance = 0;
  let untiedX = 0;
  let untiedY = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const dx = Math.sign(x[i]! - x[j]!);
      const dy = Math.sign(y[i]! - y[j]!);
      balance += dx * dy;
      untiedX += dx * dx;
      untiedY += dy * dy;
    }
  }
  return balance / Math.sqrt(untiedX * untiedY);
}
