/*
 * From importance to layers. Importance is given per base layer, larger = more important (design §6).
 */

export function ascending(layers: readonly number[]): number[] {
  return [...layers].sort((a, b) => a - b);
}

/** Layers from the most to the least important; of equals the shallower first. */
export function ranking(values: readonly number[]): number[] {
  return values.map((_, layer) => layer).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
}

/**
 * The `count` neighbouring layers whose inputs and outputs are nearest at the last token (Gromov et al. 2024, eq. 7); of equals
 * the deepest. `blocks[n − 1][l]` is the angular distance between the inputs of layers l and l + n. Undefined where blocks of
 * this size were not measured.
 */
export function lowestBlock(blocks: readonly (readonly number[])[] | undefined, count: number): number[] | undefined {
  const distances = blocks?.[count - 1];
  if (!distances || distances.length === 0) return undefined;
  let best = 0;
  for (const [from, distance] of distances.entries()) if (distance <= distances[best]!) best = from;
  return Array.from({ length: count }, (_, i) => best + i);
}
