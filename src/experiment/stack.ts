import { resolveExpandRule } from './expand-rule.ts';
import type { ArmSpec, ExpandSpec, Experiment, PruneSpec, TrainSelector } from './types.ts';

/** What an arm does to the layers of its base, as far as the text and the number of layers say it. */
export interface LayerChanges {
  /** Base layers after which blocks stand, ascending, one entry a block; undefined while it cannot be known. */
  inserted?: number[];
  /** Base layers that are deleted, ascending; undefined while it cannot be known. */
  pruned?: number[];
  merged?: number;
}

/** `layers` is undefined while the model is unknown. */
export function layerChanges(arm: ArmSpec, layers: number | undefined): LayerChanges {
  return {
    inserted: arm.expand ? insertedAfter(arm.expand, layers) : [],
    pruned: arm.prune ? prunedLayers(arm.prune, layers) : [],
    ...(arm.merge && { merged: arm.merge.into }),
  };
}

function insertedAfter({ after }: ExpandSpec, layers: number | undefined): number[] | undefined {
  if (after.kind === 'layers') return [...after.layers].sort((a, b) => a - b);
  if (layers === undefined) return undefined;
  return resolveExpandRule(after.rule, after.blocks, layers);
}

function prunedLayers(prune: PruneSpec, layers: number | undefined): number[] | undefined {
  if (prune.kind === 'layers') return [...new Set(prune.layers)].sort((a, b) => a - b);
  if (prune.kind === 'by' || layers === undefined) return undefined;
  const count = Math.min(prune.count, layers);
  return Array.from({ length: count }, (_, i) => layers - count + i);
}

/**
 * The arms from an arm up through `from` to the one that starts from the base; undefined if that never ends or names an arm that
 * is not there.
 */
export function lineage({ arms }: Pick<Experiment, 'arms'>, name: string): ArmSpec[] | undefined {
  const chain: ArmSpec[] = [];
  for (let next: string | undefined = name; next !== undefined; ) {
    const arm: ArmSpec | undefined = Object.hasOwn(arms, next) ? arms[next] : undefined;
    if (!arm || chain.includes(arm)) return undefined;
    chain.push(arm);
    next = arm.from;
  }
  return chain;
}

/** One layer of a resulting stack. Labels: `5`, `3+`, `3+2`. */
export interface StackItem {
  kind: 'kept' | 'new' | 'merged';
  /** The base layer, or the one that the block stands after. */
  base: number;
  /** For new ones: 1, 2 … among those after the same layer. */
  ordinal?: number;
  label: string;
}

/** The stack that the changes leave of `layers` layers, first to last; undefined while it cannot be known. */
export function stackOf({ inserted, pruned, merged }: LayerChanges, layers: number): StackItem[] | undefined {
  if (!inserted || !pruned) return undefined;
  const stack: StackItem[] = [];
  for (let base = 0; base < layers; base++) {
    if (!pruned.includes(base)) stack.push({ kind: merged === base ? 'merged' : 'kept', base, label: `${base}` });
    const blocks = inserted.filter((l) => l === base).length;
    for (let ordinal = 1; ordinal <= blocks; ordinal++)
      stack.push({ kind: 'new', base, ordinal, label: blocks === 1 ? `${base}+` : `${base}+${ordinal}` });
  }
  return stack;
}

/** Whether a selector trains whole layers of this kind; false for those by tensor name, which need the model. */
export function selectsLayer(selector: TrainSelector, item: StackItem): boolean {
  switch (selector.kind) {
    case 'all':
      return true;
    case 'new':
    case 'merged':
      return item.kind === selector.kind;
    case 'layers':
      return item.kind !== 'new' && item.base >= selector.from && item.base <= selector.to;
    case 'inserted':
      return (
        item.kind === 'new' &&
        item.base === selector.after &&
        (selector.ordinal === undefined || item.ordinal === selector.ordinal)
      );
    default:
      return false;
  }
}

/** `q_proj` and `self_attn.q_proj` both mean the module `self_attn.q_proj`. */
export function isModule(module: string, target: string): boolean {
  return module === target || module.endsWith(`.${target}`);
}
