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

/** Below so many columns a product takes as long as reading its factors. */
const narrow = 64;

/**
 * dyᵀ·x for dy [rows, out] and x [rows, in]. onnxruntime turns a transposed factor round again for every 128 columns of the
 * result: where there are many, dy is transposed once, before. A result of few rows, as LoRA's A has, is made transposed, which
 * takes half the time.
 */
export function weightGradient(g: Graph, dy: Tensor, x: Tensor): Tensor {
  const [out, width] = [dy.shape[1]!, x.shape[1]!];
  if (out < Math.min(narrow, width)) return swapLast(g, product(g, x, dy, { transA: true, full: true }));
  if (width < narrow) return product(g, dy, x, { transA: true, full: true });
  return product(g, swapLast(g, dy), x, { full: true });
}
