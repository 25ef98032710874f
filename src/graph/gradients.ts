import { adaptedRule } from './blocks/adapted.ts';
import { attentionRule } from './blocks/attention.ts';
import { crossEntropyRule } from './blocks/cross-entropy.ts';
import { embeddingRule } from './blocks/embedding.ts';
import { headLossRule } from './blocks/head-loss.ts';
import { linearRule } from './blocks/linear.ts';
import { recomputeRule } from './blocks/recompute.ts';
import { rmsNormRule } from './blocks/rms-norm.ts';
import { rotaryRule } from './blocks/rotary.ts';
import { swigluRule } from './blocks/swiglu.ts';
import { cast, concat, div, expand, mul, neg, product, reduceSum, reshape, split, sub, sumTo } from './functions.ts';
import type { Graph } from './graph.ts';
import type { Op } from './ops.ts';
import type { Rule, RuleContext } from './rule.ts';
import { count, type FloatType, type Tensor } from './tensor.ts';

const one = (g: Graph, like: Tensor) => g.scalar(1, like.dtype as FloatType);

/** dL/dx of y = f(x) from dy, x and y. */
const unary =
  (slope: (g: Graph, dy: Tensor, x: Tensor, y: Tensor) => Tensor): Rule =>
  ({ g, inputs: [x], outputs: [y], dy }) => [() => slope(g, dy, x!, y!)];

/** A sum's gradient repeated along the axes that were summed over, divided by `share`. */
const spread = ({ g, inputs: [x], dy }: RuleContext, share: number) => {
  const axes = new Set(dy.shape.length === x!.shape.length ? [] : summedAxes(x!, dy));
  const kept = axes.size ? x!.shape.map((d, i) => (axes.has(i) ? 1 : d)) : dy.shape;
  const factor = g.scalar(1 / share, x!.dtype as FloatType);
  return expand(g, mul(g, reshape(g, dy, kept), factor), x!.shape);
};
/** Which axes a reduction without kept dimensions removed: only the case that all were. */
function summedAxes(x: Tensor, dy: Tensor): number[] {
  if (dy.shape.length !== 0) throw new Error('a reduction of some axes must keep its dimensions to have a gradient');
  return x.shape.map((_, i) => i);
}

/** Both factors of a product over the last two dimensions, with α, transposition of B and a summand C. */
const productRule: Rule = ({ g, inputs: [a, b, c], attributes, dy }) => {
  const alpha = typeof attributes['alpha'] === 'number' ? attributes['alpha'] : 1;
  const transA = attributes['transA'] === 1;
  const transB = attributes['transB'] === 1;
  if (attributes['beta'] !== undefined) throw new Error('Gemm with beta has no gradient rule');
  return [
    () =>
      sumTo(
        g,
        transA
          ? product(g, b!, dy, { transA: transB, transB: true, alpha })
          : product(g, dy, b!, { transB: !transB, alpha }),
        a!.shape,
      ),
    () =>
      sumTo(
        g,
        transB
          ? product(g, dy, a!, { transA: true, transB: transA, alpha })
          : product(g, a!, dy, { transA: !transA, alpha }),
        b!.shape,
      ),
    c && (() => sumTo(g, dy, c.shape)),
  ];
};

/** Gradients of single ops. */
const opGradients: { readonly [K in Op]?: Rule } = {
  Add: ({ g, inputs: [a, b], dy }) => [() => sumTo(g, dy, a!.shape), () => sumTo(g, dy, b!.shape)],
  Sub: ({ g, inputs: [a, b], dy }) => [() => sumTo(g, dy, a!.shape), () => sumTo(g, neg(g, dy), b!.shape)],
  Mul: ({ g, inputs: [a, b], dy }) => [
    () => sumTo(g, mul(g, dy, b!), a!.shape),
    () => sumTo(g, mul(g, dy, a!), b!.shape),
  ],
  Div: ({ g, inputs: [a, b], outputs: [y], dy }) => [
    () => sumTo(g, div(g, dy, b!), a!.shape),
    () => sumTo(g, neg(g, div(g, mul(g, dy, y!), b!)), b!.shape),
  ],
  Neg: unary((g, dy) => neg(g, dy)),
  Exp: unary((g, dy, _x, y) => mul(g, dy, y)),
  Log: unary((g, dy, x) => div(g, dy, x)),
  Sqrt: unary((g, dy, _x, y) => div(g, dy, mul(g, y, g.scalar(2, y.dtype as FloatType)))),
  Reciprocal: unary((g, dy, _x, y) => neg(g, mul(g, dy, mul(g, y, y)))),
  Sigmoid: unary((g, dy, _x, y) => mul(g, dy, mul(g, y, sub(g, one(g, y), y)))),
  Identity: unary((_g, dy) => dy),
  Softmax: unary((g, dy, _x, y) => mul(g, y, sub(g, dy, reduceSum(g, mul(g, dy, y), [y.shape.length - 1])))),
  LogSoftmax: unary((g, dy, _x, y) => sub(g, dy, mul(g, g.apply('Exp', [y]), reduceSum(g, dy, [y.shape.length - 1])))),
  Cast: unary((g, dy, x) => cast(g, dy, x.dtype)),
  Reshape: ({ g, inputs: [x], dy }) => [() => reshape(g, dy, x!.shape), undefined],
  Expand: ({ g, inputs: [x], dy }) => [() => sumTo(g, dy, x!.shape), undefined],
  Transpose: ({ g, attributes: { perm }, dy }) => [
    () => {
      const order = perm as readonly number[];
      return g.apply('Transpose', [dy], { perm: order.map((_, i) => order.indexOf(i)) });
    },
  ],
  Concat: ({ g, inputs, attributes, dy }) => {
    const axis = attributes['axis'] as number;
    let parts: Tensor[] | undefined;
    const cut = () => {
      const at = axis < 0 ? axis + dy.shape.length : axis;
      parts ??= split(
        g,
        dy,
        inputs.map((t) => t.shape[at]!),
        axis,
      );
      return parts;
    };
    return inputs.map((_, i) => () => cut()[i]!);
  },
  Split: ({ g, outputs, attributes, dys }) => [
    () =>
      concat(
        g,
        outputs.map((t, i) => dys[i] ?? expand(g, g.constant(g.float, [], [0]), t.shape)),
        attributes['axis'] as number,
      ),
    undefined,
  ],
  ReduceSum: (context) => [() => spread(context, 1), undefined],
  ReduceMean: (context) => [
    () => spread(context, count(context.inputs[0]!.shape) / count(context.outputs[0]!.shape)),
    undefined,
  ],
  Where: ({ g, inputs: [condition, a, b], dy }) => {
    const zero = g.scalar(0, dy.dtype as FloatType);
    return [
      undefined,
      () => sumTo(g, g.apply('Where', [condition!, dy, zero]), a!.shape),
      () => sumTo(g, g.apply('Where', [condition!, zero, dy]), b!.shape),
    ];
  },
  MatMul: productRule,
  Gemm: productRule,
  FusedMatMul: productRule,
};

/** Gradients of blocks: each rule stands beside its block's forward pass. */
const blockGradients = {
  Linear: linearRule,
  Adapted: adaptedRule,
  Embedding: embeddingRule,
  RmsNorm: rmsNormRule,
  Rotary: rotaryRule,
  Attention: attentionRule,
  SwiGlu: swigluRule,
  CrossEntropy: crossEntropyRule,
  HeadLoss: headLossRule,
  Recompute: recomputeRule,
};

/** dL/d(inputs) for each op or block, given dL/d(outputs). A block's rule knows the type of what its block saved. */
export const gradients: { readonly [op: string]: Rule | undefined } = {
  ...opGradients,
  ...(blockGradients as Record<string, Rule>),
};
