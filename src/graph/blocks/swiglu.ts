import { add, mul, sub } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';

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

/**
 * dup = dy∘SiLU. With SiLU' = σ + SiLU·(1 − σ), dgate = up∘(dy∘σ + dup∘(1 − σ)) = up∘((dy − dup)∘σ + dup): gate itself need
 * not be kept.
 */
export const swigluRule: Rule<Saved> = ({ g, inputs: [, up], dy, saved: { sigmoid, silu } }) => {
  let made: Tensor | undefined;
  const dUp = () => {
    made ??= mul(g, dy, silu);
    return made;
  };
  return [() => mul(g, up!, add(g, mul(g, sub(g, dy, dUp()), sigmoid), dUp())), dUp];
};
