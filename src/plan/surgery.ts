import { layerChanges } from '../experiment/stack.ts';
import type { ArmSpec, ExpandSpec, PruneSpec } from '../experiment/types.ts';
import type { Surgery } from '../model/types.ts';
import { ascending, lowestBlock, ranking } from './importance.ts';
import type { ImportanceFacts } from './types.ts';

/** An arm's surgery with every rule resolved to base layers; `pending` says what it waits for while that was not measured. */
export function surgeryOf(
  arm: ArmSpec,
  layers: number,
  importance: ImportanceFacts = { metrics: {} },
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
    pending:
      waits.length > 0 ? `${waits.join(' and ')} wait${waits.length > 1 ? '' : 's'} for the analysis` : undefined,
  };
}

/** The `blocks` most important layers, ascending. */
function mostImportant(expand: ExpandSpec | undefined, { metrics }: ImportanceFacts): number[] | undefined {
  if (expand?.after.kind !== 'rule') return undefined;
  const values = metrics[expand.after.by ?? ''];
  return values && ascending(ranking(values).slice(0, expand.after.blocks));
}

/**
 * The `count` least important layers, ascending; `contiguous`, the block of neighbours that changes the last token least, which
 * its layers' own importance does not say (Gromov et al. 2024).
 */
function leastImportant(prune: PruneSpec | undefined, { metrics, blocks }: ImportanceFacts): number[] | undefined {
  if (prune?.kind !== 'by') return undefined;
  if (prune.contiguous) return lowestBlock(blocks, prune.count);
  const values = metrics[prune.by];
  return values && ascending(ranking(values).slice(-prune.count));
}
