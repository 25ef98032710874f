/** Element types of a graph, by ONNX's names, with TensorProto.DataType and size in bytes. */
export const elementTypes = {
  float32: { onnx: 1, size: 4 },
  int32: { onnx: 6, size: 4 },
  int64: { onnx: 7, size: 8 },
  bool: { onnx: 9, size: 1 },
  float16: { onnx: 10, size: 2 },
  float64: { onnx: 11, size: 8 },
  bfloat16: { onnx: 16, size: 2 },
  /** Two in a byte, the first in the lower half. */
  int4: { onnx: 22, size: 0.5 },
} as const;
export type ElementType = keyof typeof elementTypes;
/** Types in which a graph computes: float32, and float64 to check gradients. */
export type FloatType = 'float32' | 'float64';

export type Shape = readonly number[];

export interface TensorType {
  dtype: ElementType;
  shape: Shape;
}

/** A value of the graph: what an application gives, a constant, a weight, or an input. Shapes are static. */
export interface Tensor extends TensorType {
  /** Unique in its graph; changed only when the tensor becomes an output. */
  name: string;
  /** How it was computed, for the walk back; undefined for leaves. */
  from?: Application;
  /** Of a weight in int4: the factor of each block of its rows, [rows, ⌈columns / block⌉]. */
  scales?: Tensor;
  /** The values of a small integer constant, where shape rules need them. */
  values?: readonly number[];
}

export type AttributeValue = number | string | readonly number[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** One use of an op, or of a block of ops that has a gradient rule of its own. */
export interface Application {
  op: string;
  inputs: readonly Tensor[];
  outputs: readonly Tensor[];
  attributes: Attributes;
  /** What a block's rule needs from the forward pass. */
  saved: unknown;
}

/** One node of the emitted model. An absent optional input is undefined. */
export interface Node {
  op: string;
  name: string;
  inputs: readonly (Tensor | undefined)[];
  outputs: readonly Tensor[];
  attributes: Attributes;
}

export function count(shape: Shape): number {
  return shape.reduce((a, b) => a * b, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** `float32[2,3]`, for messages. */
export function describe({ dtype, shape }: TensorType): string {
  return `${dtype}[${shape.join(',')}]`;
}

/** Numpy's broadcasting of two shapes, or undefined where they do not fit. */
export function broadcast(a: Shape, b: Shape): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    out.push(x === 1 ? y : x);
  }
  return out;
}
