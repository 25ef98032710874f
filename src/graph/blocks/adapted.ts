import { add, concat, product, reduceSum, scale, split } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import { count, type Tensor } from '../tensor.ts';
import { linear, linearOf, weightGradient } from './linear.ts';
import { normedAgain } from './rms-norm.ts';
import { behind, computable } from './stored.ts';

/** A linear map with LoRA factors beside its weight: W [out, in], A [rank, in], B [out, rank], bias [out]. */
export interface Adapted {
  weight: Tensor;
  bias?: Tensor;
  a: Tensor;
  b: Tensor;
  scale: number;
}

/**
 * yᵢ = x·Wᵢᵀ + scaleᵢ·(x·Aᵢᵀ)·Bᵢᵀ + biasᵢ (Hu et al. 2021, eq. 3) of several maps of one x [rows, in]; Wᵢ has no gradient. The
 * factors' part is added to the yᵢ, or to the Wᵢ where these are smaller.
 */
export function adaptedLinears(g: Graph, x: Tensor, maps: readonly Adapted[]): Tensor[] {
  return mergingPays(x, maps) ? merged(g, x, maps) : maps.map((map) => added(g, x, map));
}

/** Whether all y are larger than all W. */
function mergingPays(x: Tensor, maps: readonly Adapted[]): boolean {
  const sum = (of: (weight: Tensor) => number) => maps.reduce((total, { weight }) => total + of(weight), 0);
  return x.shape[0]! * sum(({ shape }) => shape[0]!) > sum(({ shape }) => count(shape));
}

function added(g: Graph, x: Tensor, { weight, bias, a, b, scale: factor }: Adapted): Tensor {
  return add(g, linear(g, x, weight, bias), linear(g, scale(g, linear(g, x, a), factor), b));
}

function merged(g: Graph, x: Tensor, maps: readonly Adapted[]): Tensor[] {
  const inputs = [x, ...maps.flatMap(({ a, b }) => [a, b]), ...maps.flatMap(({ bias }) => bias ?? [])];
  return g.block('Adapted', inputs, () => {
    // Not made before x is there: onnxruntime would otherwise make those of the whole model first, and hold them.
    const as = split(g, behind(g, stacked(g, maps), x), ranks(maps), 0);
    const outputs = maps.map(({ weight, bias, b, scale: factor }, i) => {
      const sum = add(g, product(g, scale(g, b, factor), as[i]!), computable(g, weight, x));
      return linearOf(g, x, sum, bias);
    });
    return { outputs, saved: maps };
  });
}

const ranks = (maps: readonly Adapted[]) => maps.map(({ a }) => a.shape[0]!);

/** All Aᵢ as one matrix: a product with 24 rows costs hardly more than one with 8. */
function stacked(g: Graph, maps: readonly Adapted[]): Tensor {
  const all = maps.map(({ a }) => a);
  return concat(g, all, 0);
}

/**
 * With hᵢ = scaleᵢ·dyᵢ·Bᵢ and all hᵢ, Aᵢ stacked to h, A: dx = Σᵢ dyᵢ·Wᵢ + h·A, dA = hᵀ·x, dBᵢ = scaleᵢ·dyᵢᵀ·(x·Aᵢᵀ).
 */
export const adaptedRule: Rule<readonly Adapted[]> = ({ g, inputs: [x], dys, saved: maps }) => {
  const given = maps.map((_, i) => dys[i] ?? missing(i));
  const again = once(() => normedAgain(g, x!, given[0]!));
  const inner = once(() => split(g, product(g, again(), stacked(g, maps), { transB: true }), ranks(maps), 1));
  const h = once(() => {
    const parts = maps.map(({ b, scale: factor }, i) => product(g, given[i]!, scale(g, b, factor)));
    return concat(g, parts, 1);
  });
  const dAs = once(() => split(g, weightGradient(g, h(), again()), ranks(maps), 0));
  const dx = () =>
    maps
      .map(({ weight }, i) => product(g, given[i]!, computable(g, weight, given[i]!)))
      .reduce((sum, t) => add(g, sum, t), product(g, h(), stacked(g, maps)));
  const dB = (i: number) => scale(g, weightGradient(g, given[i]!, inner()[i]!), maps[i]!.scale);
  const dBias = maps.flatMap(({ bias }, i) => (bias ? [() => reduceSum(g, given[i]!, [0], false)] : []));
  return [dx, ...maps.flatMap((_, i) => [() => dAs()[i]!, () => dB(i)]), ...dBias];
};

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function missing(i: number): never {
  throw new Error(`Adapted: nothing depends on output ${i}`);
}
