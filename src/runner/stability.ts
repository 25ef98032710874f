import { roleOf } from '../model/names.ts';
import type { StackLayer } from '../model/types.ts';

/**
 * ‖Δw‖/‖w‖ of the last step over the trained tensors of each part of the model: a layer by its label (`3`,
 * `3+`), `embeddings`, `norm`, `head`. 0 where nothing moved, also if all values are zero. Pure.
 */
export function updateRatios(
  norms: ReadonlyMap<string, { update: number; weight: number }>,
  layers: readonly StackLayer[],
): Record<string, number> {
  const sums = new Map<string, { update: number; weight: number }>();
  for (const [name, { update, weight }] of norms) {
    const label = partOf(name, layers);
    const sum = sums.get(label) ?? { update: 0, weight: 0 };
    sums.set(label, { update: sum.update + update ** 2, weight: sum.weight + weight ** 2 });
  }
  return Object.fromEntries(
    [...sums].map(([label, { update, weight }]) => [label, update === 0 ? 0 : Math.sqrt(update / weight)]),
  );
}

/** Under PEFT's names a factor has its layer's number, too. */
function partOf(name: string, layers: readonly StackLayer[]): string {
  const role = roleOf(name.replace(/^base_model\.model\./, ''));
  if (role?.kind === 'layer') return layers[role.layer]!.label;
  return role?.kind === 'final_norm' ? 'norm' : (role?.kind ?? name);
}
