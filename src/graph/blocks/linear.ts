import { product, productPlus, reduceSum, swapLast } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';
import { computable } from './stored.ts';

/**
 * y = x·Wᵀ + b with x [rows, in], W [out, in] as PyTorch stores it, b [out]; y [rows, out]. W and b may be stored in half
 * precision.
 */
export function linear(g: Graph, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return g.block('Linear', bias ? [x, weight, bias] : [x, weight], () => ({
    outputs: [linearOf(g, x, computable(g, weight, x), bias)],
    saved: undefined,
  }))[0]!;
}

/** The op of `linear`, for a weight in the type that is computed in. */
export function linearOf(g: Graph, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return bias
    ? productPlus(g, x, weight, computable(g, bias, x), { transB: true })
    : product(g, x, weight, { transB: true });
}

/** dx = dy·W, dW = dyᵀ·x, db = Σ_rows dy. */
export const linearRule: Rule = ({ g, inputs: [x, weight, bias], dy }) => [
  () => product(g, dy, computable(g, weight!, dy)),
  () => weightGradient(g, dy, x!),
  bias && (() => reduceSum(g, dy, [0], false)),
];

/**
 * dyᵀ·x for dy [rows, out] and x [rows, in]. One of few rows, as LoRA's A has, is made transposed: onnxruntime then takes half
 * the time.
 */
export function weightGradient(g: Graph, dy: Tensor, x: Tensor): Tensor {
  const [out, width] = [dy.shape[1]!, x.shape[1]!];
  return out < Math.min(64, width)
    ? swapLast(g, product(g, x, dy, { transA: true, full: true }))
    : product(g, dy, x, { transA: true, full: true });
}
