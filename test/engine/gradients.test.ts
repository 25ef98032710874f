import assert from 'node:assert/strict';
import { test } from 'node:test';
import { devices, portableForms } from '../../src/device/devices.ts';
import type { Forms } from '../../src/device/types.ts';
import { Session } from '../../src/engine/session.ts';
import { backward } from '../../src/graph/backward.ts';
import { adaptedLinears } from '../../src/graph/blocks/adapted.ts';
import { attention } from '../../src/graph/blocks/attention.ts';
import { crossEntropy } from '../../src/graph/blocks/cross-entropy.ts';
import { embedding } from '../../src/graph/blocks/embedding.ts';
import { headLoss } from '../../src/graph/blocks/head-loss.ts';
import { linear } from '../../src/graph/blocks/linear.ts';
import { recompute } from '../../src/graph/blocks/recompute.ts';
import { rmsNorm } from '../../src/graph/blocks/rms-norm.ts';
import { rotary, rotaryAngles } from '../../src/graph/blocks/rotary.ts';
import { swiglu } from '../../src/graph/blocks/swiglu.ts';
import * as f from '../../src/graph/functions.ts';
import { gradients } from '../../src/graph/gradients.ts';
import { Graph } from '../../src/graph/graph.ts';
import { maskParts } from '../../src/graph/mask.ts';
import { count, type FloatType, type Shape, type Tensor } from '../../src/graph/tensor.ts';
import { assertGradients, normal } from './gradcheck.ts';
import { tinyConfig } from './tiny.ts';

interface Case {
  inputs: Record<string, Shape>;
  y: (g: Graph, x: Record<string, Tensor>) => Tensor;
  /** Values are made positive: logarithm, root, division. */
  positive?: boolean;
  forms?: Partial<Forms>;
}

const square = { a: [3, 4], b: [3, 4] };
const withRow = { a: [2, 3, 4], b: [1, 4] };

/** One row for each op or block with a gradient rule; several where a rule has branches. The key's first word is the op. */
const cases: Record<string, Case> = {
  Add: { inputs: withRow, y: (g, { a, b }) => f.add(g, a!, b!) },
  Sub: { inputs: withRow, y: (g, { a, b }) => f.sub(g, a!, b!) },
  Mul: { inputs: withRow, y: (g, { a, b }) => f.mul(g, a!, b!) },
  'Mul of one tensor with itself': { inputs: { a: [5] }, y: (g, { a }) => f.mul(g, a!, a!) },
  Div: { inputs: withRow, positive: true, y: (g, { a, b }) => f.div(g, a!, b!) },
  Neg: { inputs: { a: [3] }, y: (g, { a }) => f.neg(g, a!) },
  Exp: { inputs: { a: [3] }, y: (g, { a }) => g.apply('Exp', [a!]) },
  Log: { inputs: { a: [3] }, positive: true, y: (g, { a }) => g.apply('Log', [a!]) },
  Sqrt: { inputs: { a: [3] }, positive: true, y: (g, { a }) => g.apply('Sqrt', [a!]) },
  Reciprocal: { inputs: { a: [3] }, positive: true, y: (g, { a }) => g.apply('Reciprocal', [a!]) },
  Sigmoid: { inputs: { a: [3] }, y: (g, { a }) => g.apply('Sigmoid', [a!]) },
  Identity: { inputs: { a: [3] }, y: (g, { a }) => g.apply('Identity', [a!]) },
  Softmax: { inputs: { a: [3, 4] }, y: (g, { a }) => g.apply('Softmax', [a!], { axis: -1 }) },
  LogSoftmax: { inputs: { a: [3, 4] }, y: (g, { a }) => g.apply('LogSoftmax', [a!], { axis: -1 }) },
  Cast: { inputs: { a: [3] }, y: (g, { a }) => g.apply('Cast', [a!], { to: 11 }) },
  Reshape: { inputs: { a: [3, 4] }, y: (g, { a }) => f.reshape(g, a!, [2, 6]) },
  Expand: { inputs: { a: [3, 1] }, y: (g, { a }) => f.expand(g, a!, [2, 3, 4]) },
  Transpose: { inputs: { a: [2, 3, 4] }, y: (g, { a }) => f.transpose(g, a!, [2, 0, 1]) },
  Concat: { inputs: { a: [3, 2], b: [3, 5] }, y: (g, { a, b }) => f.concat(g, [a!, b!], 1) },
  Split: {
    inputs: { a: [3, 7] },
    y: (g, { a }) => {
      const [x, y] = f.split(g, a!, [3, 4], 1);
      return f.concat(g, [f.mul(g, y!, y!), x!], 1);
    },
  },
  'Split of which one part is used': { inputs: { a: [3, 7] }, y: (g, { a }) => f.split(g, a!, [3, 4], 1)[1]! },
  ReduceSum: { inputs: { a: [2, 3, 4] }, y: (g, { a }) => f.reduceSum(g, a!, [0, 2]) },
  'ReduceSum of all': { inputs: { a: [2, 3] }, y: (g, { a }) => f.reduceSum(g, a!, [0, 1], false) },
  ReduceMean: {
    inputs: { a: [2, 3, 4] },
    y: (g, { a }) => g.apply('ReduceMean', [a!, g.ints([-1])], { keepdims: 1 }),
  },
  Where: {
    inputs: square,
    y: (g, { a, b }) => g.apply('Where', [g.constant('bool', [3, 1], [1, 0, 1]), a!, b!]),
  },
  MatMul: { inputs: { a: [3, 4], b: [4, 5] }, y: (g, { a, b }) => f.product(g, a!, b!) },
  'MatMul with a broadcast factor': { inputs: { a: [2, 3, 4], b: [4, 5] }, y: (g, { a, b }) => f.product(g, a!, b!) },
  'MatMul in place of FusedMatMul': {
    inputs: { a: [2, 4, 3], b: [2, 5, 4] },
    y: (g, { a, b }) => f.product(g, a!, b!, { transA: true, transB: true, alpha: 0.5 }),
  },
  'Gemm, A transposed': {
    inputs: { a: [4, 3], b: [4, 5] },
    y: (g, { a, b }) => f.product(g, a!, b!, { transA: true, alpha: 0.5 }),
  },
  'Gemm, B transposed': {
    inputs: { a: [3, 4], b: [5, 4] },
    y: (g, { a, b }) => f.product(g, a!, b!, { transB: true }),
  },
  'Gemm, both transposed, with a summand': {
    inputs: { a: [4, 3], b: [5, 4], c: [5] },
    y: (g, { a, b, c }) => g.apply('Gemm', [a!, b!, c!], { transA: 1, transB: 1, alpha: 0.5 }),
  },
  Linear: { inputs: { x: [3, 4], w: [5, 4] }, y: (g, { x, w }) => linear(g, x!, w!) },
  'Linear with bias': { inputs: { x: [3, 4], w: [5, 4], b: [5] }, y: (g, { x, w, b }) => linear(g, x!, w!, b) },
  Embedding: {
    inputs: { table: [6, 4] },
    y: (g, { table }) => embedding(g, table!, g.constant('int32', [5], [1, 3, 1, 0, 1])),
  },
  'Embedding that is the head too': {
    inputs: { table: [6, 4] },
    y: (g, { table }) => linear(g, embedding(g, table!, g.constant('int32', [5], [1, 3, 1, 0, 1])), table!),
  },
  RmsNorm: { inputs: { x: [3, 4], w: [4] }, y: (g, { x, w }) => rmsNorm(g, x!, w!, 1e-5) },
  'RmsNorm per head': { inputs: { x: [2, 3, 2, 4], w: [4] }, y: (g, { x, w }) => rmsNorm(g, x!, w!, 1e-5) },
  Rotary: {
    inputs: { x: [2, 2, 3, 8] },
    y: (g, { x }) => {
      const positions = g.constant('int32', [6], [0, 1, 2, 0, 1, 0]);
      return rotary(g, x!, rotaryAngles(g, tinyConfig({ headDim: 8 }), { positions, batch: 2, sequence: 3, limit: 3 }));
    },
  },
  Attention: {
    inputs: { q: [2, 4, 3, 4], k: [2, 2, 3, 4], v: [2, 2, 3, 4] },
    y: (g, { q, k, v }) => {
      const hidden = Number.NEGATIVE_INFINITY;
      const mask = g.constant(g.float, [1, 1, 3, 3], [0, hidden, hidden, 0, 0, hidden, hidden, 0, 0]);
      return attention(g, q!, k!, v!, [mask]).output;
    },
  },
  'Attention in parts': {
    inputs: { q: [2, 4, 5, 4], k: [2, 2, 5, 4], v: [2, 2, 5, 4] },
    y: (g, { q, k, v }) => {
      const lower = Array.from({ length: 25 }, (_, i) => (i % 5 > Math.floor(i / 5) ? Number.NEGATIVE_INFINITY : 0));
      return attention(g, q!, k!, v!, maskParts(g, g.constant(g.float, [1, 1, 5, 5], lower), [2, 2, 1])).output;
    },
  },
  Adapted: {
    inputs: { x: [6, 4], a: [2, 4], b: [3, 2], bias: [3], c: [3, 4], d: [2, 3] },
    y: (g, { x, a, b, bias, c, d }) => {
      const weight = (rows: number) => g.constant(g.float, [rows, 4], normal(4 * rows, 'weight'));
      const maps = [
        { weight: weight(3), a: a!, b: b!, bias: bias!, scale: 1.5 },
        { weight: weight(2), a: c!, b: d!, scale: 0.5 },
      ];
      return f.concat(g, adaptedLinears(g, x!, maps), 1);
    },
  },
  'Adapted, where the outputs are smaller than the weight': {
    inputs: { x: [2, 4], a: [2, 4], b: [3, 2] },
    y: (g, { x, a, b }) => {
      const weight = g.constant(g.float, [3, 4], normal(12, 'weight'));
      return adaptedLinears(g, x!, [{ weight, a: a!, b: b!, scale: 1.5 }])[0]!;
    },
  },
  SwiGlu: { inputs: square, y: (g, { a, b }) => swiglu(g, a!, b!) },
  CrossEntropy: {
    inputs: { logits: [4, 5] },
    y: (g, { logits }) => crossEntropy(g, logits!, g.constant('int32', [4], [2, -100, 0, 4]), g.scalar(0.3)),
  },
  HeadLoss: {
    inputs: { x: [6, 3], w: [5, 3] },
    y: (g, { x, w }) => {
      const targets = g.constant('int32', [6], [2, -100, 0, 4, 1, 1]);
      const wants = { x: true, weight: true };
      return headLoss(g, x!, w!, { targets, scale: g.scalar(0.3), parts: 3, wants });
    },
  },
  Recompute: {
    inputs: { x: [3, 4], w: [4, 4] },
    y: (g, { x, w }) => recompute(g, x!, [w!], (t) => swiglu(g, linear(g, t, w!), t)),
  },
};

/** loss = Σ y∘r with fixed r, so that every element of dy differs. */
function build({ inputs, y, forms }: Case, float: FloatType): Graph {
  const g = new Graph(float, { ...portableForms, ...forms });
  const tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [name, g.input(name, float, shape)]),
  );
  const out = y(g, tensors);
  const r = g.constant(float, out.shape, normal(count(out.shape), 'r'));
  const loss = f.reduceSum(g, f.mul(g, out, r), [...out.shape.keys()], false);
  const names = Object.keys(inputs);
  const found = backward(
    g,
    [{ of: loss, gradient: g.scalar(1) }],
    names.map((n) => tensors[n]!),
  );
  g.output('loss', loss);
  for (const [i, name] of names.entries())
    g.output(`gradient.${name}`, found[i] ?? assert.fail(`no gradient of ${name}`));
  return g;
}

for (const [name, row] of Object.entries(cases)) {
  test(`gradient of ${name} is the central difference`, async () => {
    const values = (n: string, shape: Shape) => {
      const v = normal(count(shape), name, n);
      return row.positive ? v.map((x) => 0.5 + Math.abs(x)) : v;
    };
    const feeds = Object.fromEntries(Object.entries(row.inputs).map(([n, shape]) => [n, values(n, shape)]));
    await assertGradients(build(row, 'float64'), feeds, Object.keys(row.inputs), { entries: 64 });
  });
}

test('every gradient rule is checked above', () => {
  const checked = new Set(Object.keys(cases).map((name) => name.split(/[ ,]/)[0]));
  checked.add('FusedMatMul'); // float32 only: held against its portable form below
  assert.deepEqual(
    Object.keys(gradients).filter((op) => !checked.has(op)),
    [],
  );
});

test('the fused forms of float32 give the gradients of the portable ones', async () => {
  const fused = devices.cpu!.forms;
  for (const name of [
    'MatMul in place of FusedMatMul',
    'RmsNorm',
    'RmsNorm per head',
    'Rotary',
    'Attention',
    'Attention in parts',
  ]) {
    const row = cases[name]!;
    const feeds = Object.fromEntries(
      Object.entries(row.inputs).map(([n, shape]) => [n, Float32Array.from(normal(count(shape), name, n))]),
    );
    const results = [];
    for (const forms of [fused, portableForms]) {
      const session = await Session.open(build({ ...row, forms }, 'float32'), { threads: 1 });
      results.push(await session.run(feeds));
      await session.close();
    }
    for (const key of Object.keys(results[0]!)) {
      for (const [i, v] of Array.from(results[0]![key] as Float32Array).entries()) {
        assert.ok(Math.abs(v - (results[1]![key] as Float32Array)[i]!) < 1e-5, `${name}: ${key}[${i}]`);
      }
    }
  }
});

test('an op without a rule fails with its name and shapes', () => {
  const g = new Graph('float64', portableForms);
  const x = g.input('x', 'float64', [2, 3]);
  const y = g.apply('ReduceMax', [x, g.ints([1])], { keepdims: 1 });
  assert.throws(
    () => backward(g, [{ of: y, gradient: g.scalar(1) }], [x]),
    /no gradient rule for ReduceMax\(float64\[2,3\], int64\[1\]\)/,
  );
});
