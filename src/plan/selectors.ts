import { matchesSelector, type StackItem } from '../experiment/stack.ts';
import type { TrainSelector } from '../experiment/types.ts';
import { expectedTensors, roleOf } from '../model/names.ts';
import { origin } from '../model/surgery.ts';
import type { ModelConfig, StackLayer } from '../model/types.ts';

/** A model as selectors and costs see it: its config, where each layer comes from, and its tensors in model order. */
export interface Stack {
  config: ModelConfig;
  layers: StackLayer[];
  /** Base layers that were deleted. */
  pruned: number[];
  tensors: StackTensor[];
}
export interface StackTensor {
  name: string;
  shape: number[];
  parameters: number;
  /** Of the resulting model; undefined outside the layers. */
  layer?: number;
}

/** The stack of a model with this config and these layers. */
export function stackOf(config: ModelConfig, layers: StackLayer[], pruned: number[] = []): Stack {
  const tensors = expectedTensors(config).map(({ name, shape }): StackTensor => {
    const role = roleOf(name);
    return {
      name,
      shape,
      parameters: shape.reduce((a, b) => a * b, 1),
      ...(role?.kind === 'layer' ? { layer: role.layer } : {}),
    };
  });
  return { config, layers, pruned, tensors };
}

export function parametersOf(stack: Stack, names?: ReadonlySet<string>): number {
  return stack.tensors.reduce((sum, t) => sum + (names === undefined || names.has(t.name) ? t.parameters : 0), 0);
}

/** The layers in the terms of the experiment language. */
export function items(layers: readonly StackLayer[]): StackItem[] {
  return layers.map((layer) => ({
    kind: layer.kind,
    base: origin(layer),
    label: layer.label,
    ...(layer.kind === 'new' ? { ordinal: layer.ordinal } : {}),
  }));
}

/** Why a selector cannot be used, as a sentence. */
export interface SelectorProblem {
  code: string;
  message: string;
}

/** Tensor names of the resulting model that one selector picks, in model order; none, or a pruned layer, is a problem. */
export function select(selector: TrainSelector, stack: Stack): { names: string[] } | SelectorProblem {
  const gone = selector.kind === 'layers' ? stack.pruned.filter((n) => n >= selector.from && n <= selector.to) : [];
  if (gone.length > 0) {
    const which = gone.length === 1 ? `layer ${gone[0]} is` : `layers ${gone.join(', ')} are`;
    return {
      code: 'train-pruned-layer',
      message: `"${selector.text}" cannot be trained: base ${which} pruned in this arm. Name only layers that stay.`,
    };
  }
  const matches = matchesSelector(selector, items(stack.layers), stack.config.tied);
  const names = stack.tensors.filter(({ name, layer }) => matches({ name, base: name, layer })).map((t) => t.name);
  return names.length > 0 ? { names } : { code: 'train-matches-nothing', message: nothing(selector, stack) };
}

function nothing(selector: TrainSelector, stack: Stack): string {
  const inserted = stack.layers.filter((l) => l.kind === 'new').map((l) => l.label);
  const last = Math.max(...stack.layers.map(origin), ...stack.pruned);
  const reasons: Partial<Record<TrainSelector['kind'], string>> = {
    new: 'this arm inserts no block. Add "expand", or name layers.',
    merged: 'this arm merges no layer. Add "merge", or name layers.',
    layers: `the base has layers 0-${last}.`,
    inserted:
      inserted.length > 0
        ? `the inserted blocks are ${inserted.join(', ')}.`
        : 'this arm inserts no block. Add "expand".',
    glob: `no tensor of the resulting model has such a name; names look like "${stack.tensors[1]?.name}".`,
  };
  return `"${selector.text}" in "train" matches nothing: ${reasons[selector.kind] ?? 'the model has no such tensor.'}`;
}

/** The union of all selectors, in model order, and one problem for each that cannot be used (`index` into the list). */
export function selectAll(
  list: readonly TrainSelector[],
  stack: Stack,
): { names: string[]; problems: (SelectorProblem & { index: number })[] } {
  const chosen = new Set<string>();
  const problems: (SelectorProblem & { index: number })[] = [];
  for (const [index, selector] of list.entries()) {
    const result = select(selector, stack);
    if ('code' in result) problems.push({ ...result, index });
    else for (const name of result.names) chosen.add(name);
  }
  return { names: stack.tensors.filter((t) => chosen.has(t.name)).map((t) => t.name), problems };
}
