import { fail } from '../base/problem.ts';
import { withStack } from './config.ts';
import { layerTensorName, layerTensors, outputModules, roleOf } from './names.ts';
import type { Dtype, ModelConfig, StackLayer, Surgery, TensorRef } from './types.ts';

/** How one tensor of the resulting model comes about. `kept` is the base's own; all others are made. */
export type Recipe = { name: string; shape: number[]; dtype: Dtype } & (
  | { kind: 'kept' | 'copy'; from: TensorRef }
  /** Plain average in float64, rounded once to `dtype`. */
  | { kind: 'average'; of: TensorRef[] }
  | { kind: 'zeros' | 'ones' }
  /** Independent normal values, seeded by `seed` and the tensor's name. */
  | { kind: 'normal'; deviation: number; seed: number }
);

/** Surgery carried through: the resulting stack and a recipe for each of its tensors, in model order. */
export interface SurgeryPlan {
  config: ModelConfig;
  layers: StackLayer[];
  /** Deleted base layers, ascending. */
  pruned: number[];
  recipes: Recipe[];
}

type Tensors = ReadonlyMap<string, TensorRef>;
type Expand = NonNullable<Surgery['expand']>;

/** The stack that surgery leaves of a model, without its tensors; fails as `planSurgery`. */
export function planStack(config: ModelConfig, surgery: Surgery): Omit<SurgeryPlan, 'recipes'> {
  checkSurgery(surgery, config.layers);
  const pruned = [...(surgery.prune ?? [])].sort((a, b) => a - b);
  const layers = stack(config.layers, surgery);
  const resulting = withStack(
    config,
    layers.map((layer) => config.windows[origin(layer)]!),
  );
  return { config: resulting, layers, pruned };
}

/**
 * Resolves surgery on a model: expansion, pruning and merging all read the unchanged base, so their order does not matter
 * (design §4, Arms). `seed` draws random blocks. Fails with `invalid-surgery` for layers that are not there, or that are pruned and
 * needed; with `invalid-stack` for a stack that the family's config cannot express.
 */
export function planSurgery(config: ModelConfig, tensors: Tensors, surgery: Surgery, seed = 0): SurgeryPlan {
  const { config: resulting, layers, pruned } = planStack(config, surgery);
  const recipes: Recipe[] = [];
  const outside = (after: boolean) =>
    [...tensors.values()].filter((ref) => {
      const role = roleOf(ref.name)!.kind;
      return role !== 'layer' && (role === 'embeddings') !== after;
    });
  for (const ref of outside(false)) recipes.push(kept(ref.name, ref));
  layers.forEach((layer, position) => {
    for (const { module, part } of layerTensors(config)) {
      const name = layerTensorName(position, module, part);
      recipes.push(recipe(name, layer, module, part, tensors, config.initializerRange, seed));
    }
  });
  for (const ref of outside(true)) recipes.push(kept(ref.name, ref));
  return { config: resulting, layers, pruned, recipes };
}

/** The expansion alone, before prune and merge: what the identity proof compares with the base (design §5, Proofs). */
export function expansionOnly(surgery: Surgery): Surgery {
  return surgery.expand ? { expand: surgery.expand } : {};
}

/** The base layer whose place (and attention type) a layer of the stack has. */
export function origin(layer: StackLayer): number {
  return layer.kind === 'new' ? layer.after : layer.base;
}

function stack(layers: number, { expand, prune, merge }: Surgery): StackLayer[] {
  const result: StackLayer[] = [];
  for (let base = 0; base < layers; base++) {
    if (prune?.includes(base)) continue;
    if (merge?.into === base) result.push({ kind: 'merged', base, of: merge.of, label: String(base) });
    else result.push({ kind: 'kept', base, label: String(base) });
    if (expand) result.push(...inserted(base, layers, expand));
  }
  return result;
}

/** Sources of a new block after base layer `i`, by `init`. The last layer has no successor to average with: it is copied. */
const sourcesOf: Record<Expand['init'], (i: number, layers: number) => number[]> = {
  average: (i, layers) => (i + 1 < layers ? [i, i + 1] : [i]),
  copy: (i) => [i],
  random: () => [],
};

function inserted(after: number, layers: number, { after: places, init, identity }: Expand): StackLayer[] {
  const count = places.filter((place) => place === after).length;
  return Array.from({ length: count }, (_, k) => ({
    kind: 'new',
    after,
    ordinal: k + 1,
    label: count === 1 ? `${after}+` : `${after}+${k + 1}`,
    init,
    sources: sourcesOf[init](after, layers),
    identity,
  }));
}

function kept(name: string, from: TensorRef): Recipe {
  return { kind: 'kept', name, shape: from.shape, dtype: from.dtype, from };
}

function recipe(
  name: string,
  layer: StackLayer,
  module: string,
  part: 'weight' | 'bias',
  tensors: Tensors,
  deviation: number,
  seed: number,
): Recipe {
  const at = (base: number): TensorRef => {
    const source = layerTensorName(base, module, part);
    const ref = tensors.get(source);
    if (!ref) throw new Error(`no tensor ${source}`);
    return ref;
  };
  const own = at(origin(layer));
  const { shape, dtype } = own;
  if (layer.kind === 'kept') return kept(name, own);
  if (layer.kind === 'merged') return average(name, dtype, layer.of.map(at));
  if (layer.identity && outputModules.includes(module)) return { kind: 'zeros', name, shape, dtype };
  if (layer.init !== 'random') return average(name, dtype, layer.sources.map(at));
  if (/norm$/.test(module)) return { kind: 'ones', name, shape, dtype };
  if (part === 'bias') return { kind: 'zeros', name, shape, dtype };
  return { kind: 'normal', name, shape, dtype, deviation, seed };
}

function average(name: string, dtype: Dtype, of: TensorRef[]): Recipe {
  const { shape } = of[0]!;
  if (of.length === 1 && of[0]!.dtype === dtype) return { kind: 'copy', name, shape, dtype, from: of[0]! };
  return { kind: 'average', name, shape, dtype, of };
}

function checkSurgery({ expand, prune = [], merge }: Surgery, layers: number): void {
  const refuse = (message: string, remedy: string): never => fail('invalid-surgery', message, { remedy });
  const named: [string, readonly number[]][] = [
    ['expand', expand?.after ?? []],
    ['prune', prune],
    ['merge', merge ? [merge.into, ...merge.of] : []],
  ];
  for (const [what, numbers] of named)
    for (const n of numbers)
      if (!Number.isInteger(n) || n < 0 || n >= layers)
        refuse(`${what} names layer ${n}, but the model has layers 0 to ${layers - 1}.`, 'Correct the number.');
  const once = (what: string, numbers: readonly number[]) => {
    if (new Set(numbers).size < numbers.length) refuse(`${what} names a layer twice.`, 'Name each layer once.');
  };
  once('prune', prune);
  once('merge', merge?.of ?? []);
  if (merge && merge.of.length === 0) refuse('merge averages no layer at all.', 'Name the layers to average.');
  for (const n of prune) {
    if (expand?.after.includes(n))
      refuse(`Layer ${n} is pruned and expanded after.`, 'Keep it, or expand after the layer before it.');
    if (merge?.into === n) refuse(`Layer ${n} is pruned and merged into.`, 'Keep it, or merge into another layer.');
  }
  if (prune.length >= layers) refuse('All layers are pruned.', 'Keep at least one.');
}
