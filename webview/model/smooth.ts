/**
 * Exponential moving average, freed from the bias towards its start: `s_n = w·s_(n−1) + (1−w)·v_n`, shown as
 * `s_n / (1 − wⁿ)` (Kingma and Ba 2015, §3; TensorBoard's smoothing). `weight` 0 is off. Gaps stay gaps.
 */
export function smooth(values: readonly number[], weight: number): number[] {
  if (weight <= 0) return [...values];
  let sum = 0;
  let rest = 1;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    sum = weight * sum + (1 - weight) * value;
    rest *= weight;
    return sum / (1 - rest);
  });
}
