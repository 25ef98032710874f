import { isModule } from '../experiment/stack.ts';
import type { LoraSpec } from '../experiment/types.ts';
import { isLinearWeight, linearModules, roleOf } from '../model/names.ts';
import type { SelectorProblem, Stack, StackTensor } from './selectors.ts';

/** Weights of the linear modules that get an adapter, in model order (`all_linear` never means the head, as in PEFT). */
export function loraWeights(spec: LoraSpec, stack: Stack): { weights: string[] } | SelectorProblem {
  const { targets, layers } = spec;
  const unknown = targets === 'all_linear' ? [] : targets.filter((t) => !linearModules.some((m) => isModule(m, t)));
  if (unknown.length > 0)
    return {
      code: 'lora-unknown-target',
      message: `"targets" names "${unknown[0]}", which is no linear module. There are ${linearModules
        .map((m) => m.split('.')[1])
        .join(', ')}, or all_linear.`,
    };
  const outside = layers?.filter((n) => n >= stack.layers.length) ?? [];
  if (outside.length > 0)
    return {
      code: 'layer-out-of-range',
      message: `"layers" names layer ${outside[0]}; the resulting stack has layers 0-${stack.layers.length - 1} (new numbering).`,
    };
  const adapted = ({ name, layer }: StackTensor): boolean => {
    const role = roleOf(name);
    if (layer === undefined || role?.kind !== 'layer' || !isLinearWeight(name)) return false;
    if (layers !== undefined && !layers.includes(layer)) return false;
    return targets === 'all_linear' || targets.some((target) => isModule(role.module, target));
  };
  const weights = stack.tensors.filter(adapted).map((t) => t.name);
  if (weights.length > 0) return { weights };
  return { code: 'lora-matches-nothing', message: '"lora" matches no linear module. Check "targets" and "layers".' };
}

/** Parameters that one unit of rank adds: Σ (in + out) over the adapted weights. */
export function parametersPerRank(weights: readonly string[], stack: Stack): number {
  const wanted = new Set(weights);
  const width = ({ shape: [out = 0, input = 0] }: StackTensor) => out + input;
  return stack.tensors.reduce((sum, t) => sum + (wanted.has(t.name) ? width(t) : 0), 0);
}

/** The rank whose trained parameters are nearest to `target`, at least 1; of two equally near ranks the smaller. */
export function matchRank(target: number, perRank: number): number {
  const below = Math.floor(target / perRank);
  const nearest = target - below * perRank <= (below + 1) * perRank - target ? below : below + 1;
  return Math.max(1, nearest);
}
