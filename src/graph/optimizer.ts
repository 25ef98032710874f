import type { Forms } from '../device/types.ts';
import { add, mul, reduceSum, reshape, split, sub } from './functions.ts';
import { Graph } from './graph.ts';
import type { Shape, Tensor, TensorType } from './tensor.ts';

/**
 * Graphs of an optimizer whose state stays on the device: the sum and the norm of gradients, and the step of AdamW. What they
 * read and write are whole tensors by name; numbers that change from step to step are inputs.
 */
export interface Named {
  name: string;
  shape: Shape;
}

/** A graph whose outputs `to.NAME` are its inputs `NAME`: what it is fed with is copied to where its outputs are kept. */
export function buildCopy(forms: Forms, tensors: readonly (Named & Partial<TensorType>)[]): Graph {
  const g = new Graph('float32', forms);
  for (const { name, shape, dtype = 'float32' } of tensors) {
    g.output(`to.${name}`, g.apply('Identity', [g.input(name, dtype, shape)]));
  }
  return g;
}

/** Outputs `sum.NAME` = `a.NAME` + `b.NAME`. */
export function buildSum(forms: Forms, tensors: readonly Named[]): Graph {
  const g = new Graph('float32', forms);
  for (const { name, shape } of tensors) {
    g.output(`sum.${name}`, add(g, g.input(`a.${name}`, 'float32', shape), g.input(`b.${name}`, 'float32', shape)));
  }
  return g;
}

/** Output `squares` [] = Σ g² over all inputs `gradient.NAME`. */
export function buildSquares(forms: Forms, tensors: readonly Named[]): Graph {
  const g = new Graph('float32', forms);
  const sums = tensors.map(({ name, shape }) => sumOfSquares(g, g.input(`gradient.${name}`, 'float32', shape)));
  g.output('squares', reshape(g, total(g, sums), []));
  return g;
}

/** Rows first and then their sums: many short sums are both faster and more exact than a long one. [1] */
function sumOfSquares(g: Graph, x: Tensor): Tensor {
  const rows = reduceSum(g, mul(g, x, x), [x.shape.length - 1]);
  const rest = rows.shape.flatMap((d, i) => (d > 1 && i < rows.shape.length - 1 ? [i] : []));
  return reshape(g, reduceSum(g, rows, rest), [1]);
}

/** Pairwise, so that the error grows with the logarithm of their number. */
function total(g: Graph, sums: readonly Tensor[]): Tensor {
  if (sums.length === 1) return sums[0]!;
  const half = Math.ceil(sums.length / 2);
  return add(g, total(g, sums.slice(0, half)), total(g, sums.slice(half)));
}

/** What of AdamW stays the same in a training. */
export interface AdamwConstants {
  betas: readonly [number, number];
  epsilon: number;
}
/** Elements of the input `coefficients`: clip factor, 1 − rate·decay, rate/(1 − β₁ᵗ), 1/√(1 − β₂ᵗ). */
export type StepCoefficients = [clip: number, keep: number, rate: number, inverse2: number];

/**
 * One bias-corrected AdamW step, operation by operation as in the kernel that computes it on the CPU. Inputs `value.NAME`,
 * `first.NAME`, `second.NAME`, `gradient.NAME` and `coefficients` [4]; outputs `next.value.NAME` and so on. Decay acts on
 * parameters of two or more dimensions.
 */
export function buildAdamw(forms: Forms, tensors: readonly Named[], { betas, epsilon }: AdamwConstants): Graph {
  const g = new Graph('float32', forms);
  const [clip, keep, rate, inverse2] = split(g, g.input('coefficients', 'float32', [4]), [1, 1, 1, 1], 0) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const [share1, beta2, share2] = [g.scalar(1 - betas[0]), g.scalar(betas[1]), g.scalar(1 - betas[1])];
  for (const { name, shape } of tensors) {
    const at = (slot: string) => g.input(`${slot}.${name}`, 'float32', shape);
    const [value, m, v, gradient] = [at('value'), at('first'), at('second'), mul(g, at('gradient'), clip)];
    const first = add(g, m, mul(g, sub(g, gradient, m), share1));
    const second = add(g, mul(g, v, beta2), mul(g, mul(g, gradient, gradient), share2));
    const divisor = add(g, mul(g, g.apply('Sqrt', [second]), inverse2), g.scalar(epsilon));
    const moved = g.apply('Div', [mul(g, first, rate), divisor]);
    g.output(`next.value.${name}`, sub(g, shape.length >= 2 ? mul(g, value, keep) : value, moved));
    g.output(`next.first.${name}`, first);
    g.output(`next.second.${name}`, second);
  }
  return g;
}
