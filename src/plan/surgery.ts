import { resolveExpandRule } from '../experiment/expand-rule.ts';
import type { ArmSpec, ExpandSpec, PruneSpec } from '../experiment/types.ts';
import type { Surgery } from '../model/types.ts';

/** Importance per base layer, by metric; larger = more important. */
export type Importance = Readonly<Record<string, number[]>>;

/** An arm's surgery with every rule resolved to base layers; `pending` says what it waits for while that was not measured. */
export function surgeryOf(
  arm: ArmSpec,
  layers: number,
  importance: Importance = {},
): { surgery: Surgery; pending?: string } {
  const { expand, prune, merge } = arm;
  const after = expand && insertedAfter(expand, layers, importance);
  const pruned = prune && prunedLayers(prune, layers, importance);
  const waits = [after, pruned].flatMap((part) => (typeof part === 'string' ? [part] : []));
  const surgery: Surgery = {};
  if (expand && Array.isArray(after)) surgery.expand = { after, init: expand.init, identity: expand.identity };
  if (Array.isArray(pruned)) surgery.prune = pruned;
  if (merge) surgery.merge = { into: merge.into, of: merge.of };
  return { surgery, pending: waits.length > 0 ? `${waits.join(' and ')}: waits for the analysis` : undefined };
}

/** Base layers, ascending; or what waits. */
function insertedAfter({ after }: ExpandSpec, layers: number, importance: Importance): number[] | string {
  if (after.kind === 'layers') return ascending(after.layers);
  if (after.rule !== 'analysis') return resolveExpandRule(after.rule, after.blocks, layers);
  const values = importance[after.by ?? ''];
  return values ? ascending(ranking(values).slice(0, after.blocks)) : `expand by ${after.by}`;
}

const pruneRows: {
  [K in PruneSpec['kind']]: (
    spec: Extract<PruneSpec, { kind: K }>,
    layers: number,
    importance: Importance,
  ) => number[] | string;
} = {
  last: ({ count }, layers) => Array.from({ length: count }, (_, i) => layers - count + i),
  layers: ({ layers }) => layers,
  by: ({ by, count, contiguous }, _, importance) => {
    const values = importance[by];
    // A block of neighbours is not ranked by its layers' own importance (Gromov et al.): it waits for distances across blocks.
    return values && !contiguous ? ranking(values).slice(-count) : `prune by ${by}`;
  },
};

function prunedLayers(prune: PruneSpec, layers: number, importance: Importance): number[] | string {
  // Row and argument are of one kind; that does not show in the type of a union's member.
  const row = pruneRows[prune.kind] as (spec: PruneSpec, layers: number, importance: Importance) => number[] | string;
  const pruned = row(prune, layers, importance);
  return typeof pruned === 'string' ? pruned : ascending(new Set(pruned));
}

function ascending(layers: Iterable<number>): number[] {
  return [...layers].sort((a, b) => a - b);
}

/** Layers from the most to the least important; of equals the shallower first. */
function ranking(values: readonly number[]): number[] {
  return values.map((_, layer) => layer).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
}
