/**
 * Holm's step-down correction (Holm 1979, "A simple sequentially rejective multiple test procedure"): adjusted p-values in
 * the order given, p̃₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1) · p₍ⱼ₎). Rejecting p̃ ≤ α keeps the chance of any false
 * rejection in the family at α, whatever the dependence.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((i, j) => pValues[i]! - pValues[j]!);
  const adjusted = new Array<number>(pValues.length);
  let running = 0;
  for (const [rank, i] of order.entries()) {
    running = Math.max(running, Math.min(1, (pValues.length - rank) * pValues[i]!));
    adjusted[i] = running;
  }
  return adjusted;
}
