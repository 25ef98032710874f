/*
 * How far a layer turns what it is given: for each token the cosine of its state before and after the layer. The states are
 * the residual stream, the last one before the final norm.
 */

/** Cosine of row `i` of `a` and row `j` of `b`, rows of `size` values; in float64. Of two zero vectors 1, of one 0. */
export function cosine(a: Float32Array, i: number, b: Float32Array, j: number, size: number): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let k = 0; k < size; k++) {
    const x = a[i * size + k]!;
    const y = b[j * size + k]!;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  const norms = Math.sqrt(aa) * Math.sqrt(bb);
  if (norms === 0) return aa === bb ? 1 : 0;
  return Math.min(1, Math.max(-1, ab / norms));
}

/** Angular distance in [0, 1]: arccos(cos)/π (Gromov et al. 2024, eq. 6). */
export function angularDistance(cosine: number): number {
  return Math.acos(cosine) / Math.PI;
}
