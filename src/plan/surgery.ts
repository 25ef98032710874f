import { layerChanges } from '../experiment/stack.ts';
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
  const written = layerChanges(arm, layers);
  const inserted = written.inserted ?? mostImportant(expand, importance);
  const pruned = written.pruned ?? leastImportant(prune, importance);
  const waits = [...(inserted ? [] : ['"expand"']), ...(pruned ? [] : ['"prune"'])];
  return {
    surgery: {
      ...(expand && inserted && { expand: { after: inserted, init: expand.init, identity: expand.identity } }),
      ...(prune && pruned && { prune: pruned }),
      ...(merge && { merge: { into: merge.into, of: merge.of } }),
    },
    pending: waits.length > 0 ? `${waits.join(' and ')} waits for the analysis` : undefined,
  };
}

/** The `blocks` most important layers, ascending. */
function mostImportant(expand: ExpandSpec | undefined, importance: Importance): number[] | undefined {
  if (expand?.after.kind !== 'rule') return undefined;
  const values = importance[expand.after.by ?? ''];
  return values && ascending(ranking(values).slice(0, expand.after.blocks));
}

/**
 * The `count` least important layers, ascending. A block of neighbours is not ranked by its layers' own importance (Gromov et
 * al.), so it still waits.
 */
function leastImportant(prune: PruneSpec | undefined, importance: Importance): number[] | undefined {
  if (prune?.kind !== 'by' || prune.contiguous) return undefined;
  const values = importance[prune.by];
  return values && ascending(ranking(values).slice(-prune.count));
}

function ascending(layers: number[]): number[] {
  return layers.sort((a, b) => a - b);
}

/** Layers from the most to the least important; of equals the shallower first. */
function ranking(values: readonly number[]): number[] {
  return values.map((_, layer) => layer).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
}
