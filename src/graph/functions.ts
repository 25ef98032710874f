import type { Graph } from './graph.ts';
import { type ElementType, elementTypes, type FloatType, type Shape, sameShape, type Tensor } from './tensor.ts';

/** Short names for ops with constants as inputs, and for those with several forms. Pure conveniences over `Graph.apply`. */

export const add = (g: Graph, a: Tensor, b: Tensor): Tensor => g.apply('Add', [a, b]);
export const sub = (g: Graph, a: Tensor, b: Tensor): Tensor => g.apply('Sub', [a, b]);
export const mul = (g: Graph, a: Tensor, b: Tensor): Tensor => g.apply('Mul', [a, b]);
export const div = (g: Graph, a: Tensor, b: Tensor): Tensor => g.apply('Div', [a, b]);
export const neg = (g: Graph, a: Tensor): Tensor => g.apply('Neg', [a]);

/** `a` times a number; nothing is emitted for 1. */
export function scale(g: Graph, a: Tensor, factor: number): Tensor {
  return factor === 1 ? a : mul(g, a, g.scalar(factor, a.dtype as FloatType));
}

export function reshape(g: Graph, x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : g.apply('Reshape', [x, g.ints(shape)]);
}

export function transpose(g: Graph, x: Tensor, perm: readonly number[]): Tensor {
  return g.apply('Transpose', [x], { perm });
}

/** The last two dimensions exchanged. */
export function swapLast(g: Graph, x: Tensor): Tensor {
  const rank = x.shape.length;
  return transpose(g, x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}

export function expand(g: Graph, x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : g.apply('Expand', [x, g.ints(shape)]);
}

export function concat(g: Graph, parts: readonly Tensor[], axis: number): Tensor {
  return parts.length === 1 ? parts[0]! : g.apply('Concat', parts, { axis });
}

export function split(g: Graph, x: Tensor, sizes: readonly number[], axis: number): Tensor[] {
  return sizes.length === 1 ? [x] : g.applyAll('Split', [x, g.ints(sizes)], { axis });
}

/** x[…, from:to, …] along each of the axes. */
export function slice(g: Graph, x: Tensor, ranges: readonly { axis: number; from: number; to: number }[]): Tensor {
  const cut = ranges.filter(({ axis, from, to }) => from !== 0 || to !== x.shape[axis]);
  if (cut.length === 0) return x;
  return g.apply('Slice', [
    x,
    g.ints(cut.map((r) => r.from)),
    g.ints(cut.map((r) => r.to)),
    g.ints(cut.map((r) => r.axis)),
  ]);
}

export function cast(g: Graph, x: Tensor, to: ElementType): Tensor {
  return x.dtype === to ? x : g.apply('Cast', [x], { to: elementTypes[to].onnx });
}

/** log softmax over the last dimension: x − max − log Σ exp(x − max). */
export function logSoftmax(g: Graph, x: Tensor): Tensor {
  if (g.forms.logSoftmax === 'fused') return g.apply('LogSoftmax', [x], { axis: -1 });
  const last = x.shape.length - 1;
  const shifted = sub(g, x, g.apply('ReduceMax', [x, g.ints([last])], { keepdims: 1 }));
  return sub(g, shifted, g.apply('Log', [reduceSum(g, g.apply('Exp', [shifted]), [last])]));
}

/** Either of two conditions. */
export function either(g: Graph, a: Tensor, b: Tensor): Tensor {
  if (g.forms.either === 'fused') return g.apply('Or', [a, b]);
  return g.apply('Greater', [add(g, cast(g, a, g.float), cast(g, b, g.float)), g.scalar(0)]);
}

/** Whether `column` [rows, 1], int32, is the index of the largest of its row of x [rows, width], the first of equals. */
export function isLargest(g: Graph, x: Tensor, column: Tensor): Tensor {
  if (g.forms.argMax === 'fused') {
    return g.apply('Equal', [cast(g, g.apply('ArgMax', [x], { axis: -1, keepdims: 1 }), 'int32'), column]);
  }
  const [, width] = x.shape;
  const largest = g.apply('ReduceMax', [x, g.ints([1])], { keepdims: 1 });
  // Indices as negative numbers, so that the first of equals is the largest of them; exact up to 2²⁴.
  const indices = g.constant(
    g.float,
    [1, width!],
    Float32Array.from({ length: width! }, (_, i) => -i),
  );
  const those = g.apply('Where', [g.apply('Equal', [x, largest]), indices, g.scalar(-width!)]);
  const first = neg(g, g.apply('ReduceMax', [those, g.ints([1])], { keepdims: 1 }));
  return g.apply('Equal', [first, cast(g, column, g.float)]);
}

export function reduceSum(g: Graph, x: Tensor, axes: readonly number[], keepDims = true): Tensor {
  return axes.length === 0 ? x : g.apply('ReduceSum', [x, g.ints(axes)], { keepdims: keepDims ? 1 : 0 });
}

/** Sum over everything that broadcasting `shape` to x's shape repeated: the gradient of a broadcast. */
export function sumTo(g: Graph, x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((d, i) => (i < lead || (shape[i - lead] === 1 && d !== 1) ? [i] : []));
  return reshape(g, reduceSum(g, x, axes), shape);
}

export interface ProductOptions {
  transA?: boolean;
  transB?: boolean;
  alpha?: number;
  /**
   * In float32 in mixed precision too: for sums over many rows. WebGPU adds in float16, where 2048 + 1 = 2048.
   */
  full?: boolean;
}

/** alpha · op(a)·op(b) over the last two dimensions, op = transposed if asked for; equal leading dimensions. */
export function product(g: Graph, a: Tensor, b: Tensor, options: ProductOptions = {}): Tensor {
  const { transA = false, transB = false, alpha = 1, full = false } = options;
  if (inHalf(g) && !full && a.dtype === 'float32') {
    // Scaled before it is rounded: the product itself could overflow.
    const factors = [half(g, scale(g, a, alpha)), half(g, b)] as const;
    return cast(g, product(g, ...factors, { transA, transB }), 'float32');
  }
  if (full && (halves.has(a) || halves.has(b))) return product(g, whole(g, a), whole(g, b), options);
  if (!transA && !transB && alpha === 1) return g.apply('MatMul', [a, b]);
  const flags = { ...(transA && { transA: 1 }), ...(transB && { transB: 1 }), ...(alpha !== 1 && { alpha }) };
  if (a.shape.length === 2 && b.shape.length === 2) return g.apply('Gemm', [a, b], flags);
  if (g.forms.transposedProduct === 'fused') return g.apply('FusedMatMul', [a, b], flags);
  const left = transA ? swapLast(g, a) : a;
  const right = transB ? swapLast(g, b) : b;
  return scale(g, g.apply('MatMul', [left, right]), alpha);
}

/** op(a)·op(b) + c of matrices; c broadcasts. */
export function productPlus(
  g: Graph,
  a: Tensor,
  b: Tensor,
  c: Tensor,
  { transA = false, transB = false, full = false }: Omit<ProductOptions, 'alpha'> = {},
): Tensor {
  if (inHalf(g)) return add(g, product(g, a, b, { transA, transB, full }), c);
  return g.apply('Gemm', [a, b, c], { ...(transA && { transA: 1 }), ...(transB && { transB: 1 }) });
}

const inHalf = (g: Graph) => g.forms.products === 'float16';

/** Halves of what was computed, made once: the walk back keeps them instead of the whole. Weights are halved at each use. */
const halves = new WeakMap<Tensor, Tensor>();
function half(g: Graph, x: Tensor): Tensor {
  const known = halves.get(x) ?? cast(g, x, 'float16');
  if (x.from) halves.set(x, known);
  return known;
}
/** In float32 again what is kept in halves. */
function whole(g: Graph, x: Tensor): Tensor {
  const kept = halves.get(x);
  return kept ? cast(g, kept, 'float32') : x;
}
