import {
  type Attributes,
  broadcast,
  count,
  describe,
  type ElementType,
  elementTypes,
  type Shape,
  type Tensor,
  type TensorType,
} from './tensor.ts';

/** One op: which attributes it has and how ONNX encodes them, and the types of its outputs. */
export interface OpRow {
  /** '' (default) is ai.onnx; 'com.microsoft' are onnxruntime's own. */
  domain?: 'com.microsoft';
  /** A missing attribute has ONNX's default. */
  attributes?: Readonly<Record<string, 'int' | 'ints' | 'float' | 'string'>>;
  /** Types of the outputs; throws a `ShapeError` where the inputs do not fit. Inputs may be missing at the end. */
  shape(inputs: readonly Tensor[], attributes: Attributes): TensorType[];
}

/** Inputs that an op cannot take: always a defect of the graph's builder. */
export class ShapeError extends Error {}

function reject(reason: string): never {
  throw new ShapeError(reason);
}

const same = ([x]: readonly Tensor[]): TensorType[] => [{ dtype: x!.dtype, shape: x!.shape }];

/** Elementwise with broadcasting; `dtype` is that of the output where it differs. */
function elementwise(dtype?: ElementType): OpRow {
  return {
    shape([a, b]) {
      if (a!.dtype !== b!.dtype) reject('the element types differ');
      const shape = broadcast(a!.shape, b!.shape) ?? reject('the shapes do not broadcast');
      return [{ dtype: dtype ?? a!.dtype, shape }];
    },
  };
}
const unary: OpRow = { shape: same };

function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) reject(`axis ${axis} is outside of ${rank} dimensions`);
  return at;
}
function valuesOf(tensor: Tensor | undefined): readonly number[] {
  return tensor?.values ?? reject('an input that decides the shape is no constant');
}
function int(attributes: Attributes, name: string, otherwise: number): number {
  const value = attributes[name] ?? otherwise;
  return typeof value === 'number' ? value : reject(`attribute ${name} is no number`);
}

const alongAxis: OpRow = {
  attributes: { axis: 'int' },
  shape(inputs, attributes) {
    axisOf(int(attributes, 'axis', -1), inputs[0]!.shape.length);
    return same(inputs);
  },
};

function reduced(x: Tensor, axes: readonly number[], keep: boolean): number[] {
  const at = new Set(axes.map((a) => axisOf(a, x.shape.length)));
  return x.shape.flatMap((d, i) => (at.has(i) ? (keep ? [1] : []) : [d]));
}
/** Axes are the second input (opset 18). */
const reduction: OpRow = {
  attributes: { keepdims: 'int' },
  shape([x, axes], attributes) {
    return [{ dtype: x!.dtype, shape: reduced(x!, valuesOf(axes), int(attributes, 'keepdims', 1) === 1) }];
  },
};

/** The last two dimensions multiplied, after the transpositions asked for; leading dimensions broadcast. */
function product(a: Tensor, b: Tensor, transA: boolean, transB: boolean): TensorType[] {
  if (a.dtype !== b.dtype) reject('the element types differ');
  if (a.shape.length < 2 || b.shape.length < 2) reject('a factor has fewer than two dimensions');
  const [m, k] = lastTwo(a.shape, transA);
  const [k2, n] = lastTwo(b.shape, transB);
  if (k !== k2) reject(`the inner dimensions ${k} and ${k2} differ`);
  const lead =
    broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? reject('the leading dimensions do not broadcast');
  return [{ dtype: a.dtype, shape: [...lead, m, n] }];
}
function lastTwo(shape: Shape, swap: boolean): [number, number] {
  const [x, y] = [shape.at(-2)!, shape.at(-1)!];
  return swap ? [y, x] : [x, y];
}

/** Ops that graphs are made of: opset 21 and com.microsoft 1. A new op is one row here and, if it is to be trained through, one in `gradients.ts`. */
export const ops = {
  Add: elementwise(),
  Sub: elementwise(),
  Mul: elementwise(),
  Div: elementwise(),
  Max: elementwise(),
  Equal: elementwise('bool'),
  LessOrEqual: elementwise('bool'),
  Greater: elementwise('bool'),
  GreaterOrEqual: elementwise('bool'),
  And: elementwise('bool'),
  Or: elementwise('bool'),
  Neg: unary,
  Exp: unary,
  Log: unary,
  Sqrt: unary,
  Reciprocal: unary,
  Sigmoid: unary,
  Identity: unary,
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ArgMax: {
    attributes: { axis: 'int', keepdims: 'int' },
    shape([x], attributes) {
      const keep = int(attributes, 'keepdims', 1) === 1;
      return [{ dtype: 'int64', shape: reduced(x!, [int(attributes, 'axis', 0)], keep) }];
    },
  },
  MatMul: { shape: ([a, b]) => product(a!, b!, false, false) },
  Gemm: {
    attributes: { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' },
    shape([a, b, c], attributes) {
      if (a!.shape.length !== 2 || b!.shape.length !== 2) reject('Gemm takes matrices');
      const out = product(a!, b!, int(attributes, 'transA', 0) === 1, int(attributes, 'transB', 0) === 1);
      const shape = out[0]!.shape;
      if (c && broadcast(shape, c.shape)?.join() !== shape.join()) reject('the summand does not broadcast');
      return out;
    },
  },
  FusedMatMul: {
    domain: 'com.microsoft',
    attributes: { alpha: 'float', transA: 'int', transB: 'int' },
    shape: ([a, b], attributes) =>
      product(a!, b!, int(attributes, 'transA', 0) === 1, int(attributes, 'transB', 0) === 1),
  },
  Transpose: {
    attributes: { perm: 'ints' },
    shape([x], { perm }) {
      if (!Array.isArray(perm) || [...perm].sort().join() !== x!.shape.map((_, i) => i).join()) {
        return reject('perm is no permutation of the dimensions');
      }
      return [{ dtype: x!.dtype, shape: perm.map((p: number) => x!.shape[p]!) }];
    },
  },
  Reshape: {
    shape([x, shape]) {
      const to = valuesOf(shape);
      if (count(to) !== count(x!.shape)) reject(`${count(x!.shape)} elements do not fill [${to.join(',')}]`);
      return [{ dtype: x!.dtype, shape: to }];
    },
  },
  Expand: {
    shape([x, shape]) {
      const to = valuesOf(shape);
      if (broadcast(x!.shape, to)?.join() !== to.join()) reject(`it does not expand to [${to.join(',')}]`);
      return [{ dtype: x!.dtype, shape: to }];
    },
  },
  Concat: {
    attributes: { axis: 'int' },
    shape(inputs, attributes) {
      const first = inputs[0]!;
      const axis = axisOf(int(attributes, 'axis', 0), first.shape.length);
      const others = (t: Tensor) => t.shape.map((d, i) => (i === axis ? 0 : d)).join();
      if (inputs.some((t) => others(t) !== others(first) || t.dtype !== first.dtype)) reject('the parts do not fit');
      const total = inputs.reduce((sum, t) => sum + t.shape[axis]!, 0);
      return [{ dtype: first.dtype, shape: first.shape.map((d, i) => (i === axis ? total : d)) }];
    },
  },
  /** Sizes are the second input. */
  Split: {
    attributes: { axis: 'int' },
    shape([x, sizes], attributes) {
      const axis = axisOf(int(attributes, 'axis', 0), x!.shape.length);
      const parts = valuesOf(sizes);
      if (parts.reduce((a, b) => a + b, 0) !== x!.shape[axis]) reject('the sizes do not add up');
      return parts.map((n) => ({ dtype: x!.dtype, shape: x!.shape.map((d, i) => (i === axis ? n : d)) }));
    },
  },
  /** Starts, ends and axes are inputs; each step is 1. */
  Slice: {
    shape([x, starts, ends, axes]) {
      const [from, to, at] = [valuesOf(starts), valuesOf(ends), valuesOf(axes)];
      const shape = [...x!.shape];
      for (const [i, axis] of at.entries()) {
        if (!(0 <= from[i]! && from[i]! < to[i]! && to[i]! <= shape[axis]!)) reject('the range is outside');
        shape[axis] = to[i]! - from[i]!;
      }
      return [{ dtype: x!.dtype, shape }];
    },
  },
  Gather: {
    attributes: { axis: 'int' },
    shape([x, indices], attributes) {
      const axis = axisOf(int(attributes, 'axis', 0), x!.shape.length);
      return [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)] }];
    },
  },
  GatherElements: {
    attributes: { axis: 'int' },
    shape: ([x, indices]) => [{ dtype: x!.dtype, shape: indices!.shape }],
  },
  /** The only scatter here: ScatterND with reduction=add loses updates on the CPU with more than one thread. */
  ScatterElements: {
    attributes: { axis: 'int', reduction: 'string' },
    shape([x, indices, updates]) {
      if (indices!.shape.join() !== updates!.shape.join()) reject('indices and updates differ in shape');
      return same([x!]);
    },
  },
  Where: {
    shape([condition, a, b]) {
      if (condition!.dtype !== 'bool' || a!.dtype !== b!.dtype) reject('the element types do not fit');
      const shape = broadcast(a!.shape, b!.shape);
      return [
        {
          dtype: a!.dtype,
          shape: (shape && broadcast(condition!.shape, shape)) ?? reject('the shapes do not broadcast'),
        },
      ];
    },
  },
  Cast: {
    attributes: { to: 'int' },
    shape([x], { to }) {
      const dtype = (Object.keys(elementTypes) as ElementType[]).find((name) => elementTypes[name].onnx === to);
      return [{ dtype: dtype ?? reject(`unknown element type ${String(to)}`), shape: x!.shape }];
    },
  },
  /** Blocks of `block_size` values along `axis` times their scales; without a zero point. */
  DequantizeLinear: {
    attributes: { axis: 'int', block_size: 'int' },
    shape([x, scales], attributes) {
      const size = int(attributes, 'block_size', 1);
      const axis = axisOf(int(attributes, 'axis', 1), x!.shape.length);
      const blocks = x!.shape.map((d, i) => (i === axis ? Math.ceil(d / size) : d));
      if (blocks.join() !== scales!.shape.join()) reject('there is not one scale for each block');
      return [{ dtype: scales!.dtype, shape: x!.shape }];
    },
  },
  Shape: { shape: ([x]) => [{ dtype: 'int64', shape: [x!.shape.length] }] },
  /** RMSNorm in one pass: outputs y and 1/rms. The second output is wrong on WebGPU (see the device table). */
  SimplifiedLayerNormalization: {
    attributes: { axis: 'int', epsilon: 'float' },
    shape([x, weight]) {
      if (weight!.shape.length !== 1 || weight!.shape[0] !== x!.shape.at(-1)) reject('the weight does not fit');
      return [...same([x!]), { dtype: 'float32', shape: [...x!.shape.slice(0, -1), 1] }];
    },
  },
  /** x·σ(alpha·x) */
  QuickGelu: { domain: 'com.microsoft', attributes: { alpha: 'float' }, shape: same },
  /** Inputs x [batch, heads, sequence, headDim], positions int64 [batch, sequence], cos and sin [positions, headDim/2]. */
  RotaryEmbedding: {
    domain: 'com.microsoft',
    attributes: { interleaved: 'int' },
    shape([x, positions, cos]) {
      if (x!.shape.length !== 4 || positions!.dtype !== 'int64' || cos!.shape[1]! * 2 !== x!.shape[3]) {
        reject('the inputs do not fit');
      }
      return same([x!]);
    },
  },
} as const satisfies Record<string, OpRow>;

export type Op = keyof typeof ops;

/** Output types of an op; a misfit names op, inputs and reason. */
export function inferTypes(op: Op, inputs: readonly Tensor[], attributes: Attributes): TensorType[] {
  const row: OpRow = ops[op];
  for (const name of Object.keys(attributes)) {
    if (!row.attributes?.[name]) throw new ShapeError(`${op} has no attribute ${name}`);
  }
  try {
    return row.shape(inputs, attributes);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new ShapeError(`${op}(${inputs.map(describe).join(', ')}): ${error.message}`);
  }
}
