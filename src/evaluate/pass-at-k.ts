/**
 * The chance that one of k programs passes, of n drawn of which c passed: 1 − C(n−c, k) / C(n, k), without bias (Chen et al.
 * 2021, equation 1; openai/human-eval, evaluation.py). Throws RangeError for k above n.
 */
export function passAtK(n: number, c: number, k: number): number {
  if (k > n) throw new RangeError(`pass@${k} needs ${k} programs, not ${n}`);
  if (n - c < k) return 1;
  let fails = 1;
  for (let i = n - c + 1; i <= n; i++) fails *= 1 - k / i;
  return 1 - fails;
}
