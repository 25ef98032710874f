import { surgeryOf as written } from '../experiment/stack.ts';
import type { ArmSpec } from '../experiment/types.ts';
import type { Surgery } from '../model/types.ts';

/** Importance per base layer, by metric; larger = more important. */
export type Importance = Record<string, number[]>;

/** An arm's surgery with every rule resolved to base layers; `pending` says what it waits for while that was not measured. */
export function surgeryOf(
  arm: ArmSpec,
  layers: number,
  importance: Importance = {},
): { surgery: Surgery; pending?: string } {
  return written(ranked(arm, importance), layers);
}

/** The arm with its rules by importance replaced by the layers that they pick, as far as their metric was measured. */
function ranked(arm: ArmSpec, importance: Importance): ArmSpec {
  const { expand, prune } = arm;
  const result = { ...arm };
  if (expand?.after.kind === 'rule' && expand.after.rule === 'analysis') {
    const values = importance[expand.after.by ?? ''];
    if (values)
      result.expand = { ...expand, after: { kind: 'layers', layers: ranking(values).slice(0, expand.after.blocks) } };
  }
  if (prune?.kind === 'by' && !prune.contiguous) {
    const values = importance[prune.by];
    if (values) result.prune = { kind: 'layers', layers: ranking(values).slice(-prune.count) };
  }
  return result;
}

/** Layers from the most to the least important; of equals the shallower first. */
function ranking(values: readonly number[]): number[] {
  return values.map((_, layer) => layer).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
}
