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

/** How many blocks a rule can insert: one after each layer of its region, or of the model for `analysis`. */
export function roomOf(rule: ExpandRule, layers: number): number {
  return regionOf(rule, layers)?.length ?? layers;
}

/** Why a rule cannot insert `blocks` blocks into a model of `layers` layers; undefined if it can. */
export function tooManyBlocks(rule: ExpandRule, blocks: number, layers: number): string | undefined {
  const room = roomOf(rule, layers);
  if (blocks <= room) return undefined;
  return `\`${rule}\` has ${room} layer${room === 1 ? '' : 's'} in this model, so it takes at most ${room} blocks, not ${blocks}.`;
}

/**
 * The base layers after which a rule inserts `blocks` blocks: the region is cut into equal groups and a block stands behind
 * the last layer of each, `start + ⌊length·(k+1)/blocks⌋ − 1` (design §4; LLaMA-Pro, section 3.2, for `uniform`). Undefined for
 * more blocks than the region has layers, and for `analysis`, which needs a measurement.
 */
export function resolveExpandRule(rule: ExpandRule, blocks: number, layers: number): number[] | undefined {
  const region = regionOf(rule, layers);
  if (!region || blocks > region.length) return undefined;
  return Array.from({ length: blocks }, (_, k) => region.start + Math.floor((region.length * (k + 1)) / blocks) - 1);
}
