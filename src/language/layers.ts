import { layerChanges, lineage, type StackItem, stackOf } from '../experiment/stack.ts';
import type { ArmSpec } from '../experiment/types.ts';
import type { View } from './view.ts';

/** Layers of the base model; undefined while the model is unknown. */
export function baseLayers({ facts }: View): number | undefined {
  return facts?.model?.layers;
}

/** The arm whose surgery an arm's layers come from: itself, or the first of its parents. */
export function surgeon({ draft }: View, name: string): ArmSpec | undefined {
  return lineage(draft, name)?.at(-1);
}

/** The layers of the model that an arm trains, as far as the text says them. */
export function stackOfArm(view: View, name: string): StackItem[] | undefined {
  const [layers, arm] = [baseLayers(view), surgeon(view, name)];
  return layers === undefined || !arm ? undefined : stackOf(layerChanges(arm, layers), layers);
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
