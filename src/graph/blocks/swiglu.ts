import { add, mul, sub } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';
import { behind } from './stored.ts';

interface Saved {
  silu: Tensor;
  /** dy/dgate = up∘SiLU'(gate) */
  slope: () => Tensor;
}

/**
 * y = SiLU(gate)∘up (Shazeer 2020, eq. 6), SiLU(x) = x·σ(x). With SiLU' = σ + SiLU·(1 − σ), up∘SiLU' = (up − y)∘σ + y. That
 * is made before y can be used where the walk back will need it (`walkedBack`): two tensors are kept then, else three.
 */
export function swiglu(g: Graph, gate: Tensor, up: Tensor, walkedBack = false): Tensor {
  if (!walkedBack && g.forms.silu === 'fused') return mul(g, g.apply('QuickGelu', [gate], { alpha: 1 }), up);
  return g.block('SwiGlu', [gate, up], () => {
    const sigmoid = g.apply('Sigmoid', [gate]);
    const silu = mul(g, gate, sigmoid);
    const y = mul(g, silu, up);
    const make = () => add(g, mul(g, sub(g, up, y), sigmoid), y);
    if (!walkedBack) return { outputs: [y], saved: { silu, slope: make } satisfies Saved };
    const slope = make();
    return { outputs: [behind(g, y, slope)], saved: { silu, slope: () => slope } satisfies Saved };
  })[0]!;
}

export const swigluRule: Rule<Saved> = ({ g, dy, saved: { silu, slope } }) => [
  () => mul(g, dy, slope()),
  () => mul(g, dy, silu),
];
