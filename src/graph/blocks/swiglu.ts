import { add, mul, sub } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { FloatType, Tensor } from '../tensor.ts';

interface Saved {
  sigmoid: Tensor;
  silu: Tensor;
}

/** SiLU(gate)∘up (Shazeer 2020, eq. 6), SiLU(x) = x·σ(x). */
export function swiglu(g: Graph, gate: Tensor, up: Tensor): Tensor {
  return g.block('SwiGlu', [gate, up], () => {
    const sigmoid = g.apply('Sigmoid', [gate]);
    const silu = mul(g, gate, sigmoid);
    return { outputs: [mul(g, silu, up)], saved: { sigmoid, silu } satisfies Saved };
  })[0]!;
}

/** SiLU' = σ + SiLU·(1 − σ). */
export const swigluRule: Rule<Saved> = ({ g, inputs: [gate, up], dy, saved: { sigmoid, silu } }) => [
  () => {
    const one = g.scalar(1, gate!.dtype as FloatType);
    const slope = add(g, sigmoid, mul(g, silu, sub(g, one, sigmoid)));
    return mul(g, mul(g, dy, up!), slope);
  },
  () => mul(g, dy, silu),
];
