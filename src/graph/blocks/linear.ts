import { product, reduceSum } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';
import { computable } from './stored.ts';

/**
 * y = x·Wᵀ + b with x [rows, in], W [out, in] as PyTorch stores it, b [out]; y [rows, out]. W and b may be stored in half
 * precision.
 */
export function linear(g: Graph, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return g.block('Linear', bias ? [x, weight, bias] : [x, weight], () => {
    const w = computable(g, weight, x);
    const y = bias
      ? g.apply('Gemm', [x, w, computable(g, bias, x)], { transB: 1 })
      : product(g, x, w, { transB: true });
    return { outputs: [y], saved: undefined };
  })[0]!;
}

/** dx = dy·W, dW = dyᵀ·x, db = Σ_rows dy. */
export const linearRule: Rule = ({ g, inputs: [x, weight, bias], dy }) => [
  () => product(g, dy, computable(g, weight!, dy)),
  () => product(g, dy, x!, { transA: true }),
  bias && (() => reduceSum(g, dy, [0], false)),
];
