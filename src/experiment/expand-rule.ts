import type { ExpandRule } from './types.ts';

/** First layer and number of layers of the region that a rule spreads blocks over; undefined for `analysis`. */
export function regionOf(rule: ExpandRule, layers: number): { start: number; length: number } | undefined {
  const half = Math.floor(layers / 2);
  const regions: Record<ExpandRule, { start: number; length: number } | undefined> = {
    shallow_half: { start: 0, length: half },
    deep_half: { start: half, length: layers - half },
    uniform: { start: 0, length: layers },
    analysis: undefined,
  };
  return regions[rule];
}

/**
 * The base layers after which a rule inserts `blocks` blocks: the region is cut into equal groups and a block stands behind
 * the last layer of each, `start + ⌊length·(k+1)/blocks⌋ − 1` (design §4; LLaMA-Pro, section 3.2, for `uniform`). More blocks
 * than layers give repeated layers, which validation refuses. [] for `analysis`, which needs a measurement.
 */
export function resolveExpandRule(rule: ExpandRule, blocks: number, layers: number): number[] {
  const region = regionOf(rule, layers);
  if (!region) return [];
  return Array.from({ length: blocks }, (_, k) => region.start + Math.floor((region.length * (k + 1)) / blocks) - 1);
}
