import { add, mul, product, reshape, scale, sub } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import { count, type FloatType, type Tensor } from '../tensor.ts';
import { behind, computable } from './stored.ts';

interface Saved {
  /** 1/rms(x): x's shape with 1 as the last dimension. */
  inverse: Tensor;
  weight: Tensor;
  epsilon: number;
}

const fused = (g: Graph, x: Tensor, weight: Tensor, epsilon: number) =>
  g.applyAll('SimplifiedLayerNormalization', [x, weight], { axis: -1, epsilon });

/** RMSNorm over the last dimension (Zhang and Sennrich 2019, eq. 4): y = x / √(mean(x²) + ε) · weight. */
export function rmsNorm(g: Graph, x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return g.block('RmsNorm', [x, weight], () => {
    const w = computable(g, weight, x);
    if (g.forms.rmsNorm === 'fused') {
      const [y, inverse] = fused(g, x, w, epsilon);
      return { outputs: [y!], saved: { inverse: inverse!, weight: w, epsilon } satisfies Saved };
    }
    const square = g.apply('ReduceMean', [mul(g, x, x), g.ints([-1])], { keepdims: 1 });
    const root = g.apply('Sqrt', [add(g, square, g.scalar(epsilon, x.dtype as FloatType))]);
    const inverse = g.apply('Reciprocal', [root]);
    return { outputs: [mul(g, mul(g, x, inverse), w)], saved: { inverse, weight: w, epsilon } satisfies Saved };
  })[0]!;
}

/**
 * For the walk back: `y` itself or, if it is what a norm put out, the same bits computed again from the norm's input, which is
 * kept anyway, once `near` is there. So `y` need not be kept; that costs one pass over it.
 */
export function normedAgain(g: Graph, y: Tensor, near: Tensor): Tensor {
  if (y.from?.op !== 'RmsNorm') return y;
  const { inverse, weight, epsilon } = y.from.saved as Saved;
  const x = behind(g, y.from.inputs[0]!, near);
  return g.forms.rmsNorm === 'fused' ? fused(g, x, weight, epsilon)[0]! : mul(g, mul(g, x, inverse), weight);
}

/**
 * With r = 1/rms, n the width and u = dy∘x:  dx = dy∘w·r − x · r³/n · (u·w);  dw = Σ_rows r·u. Both sums are products of a
 * matrix and a vector, so u is the only tensor of x's size that is made for them.
 */
export const rmsNormRule: Rule<Saved> = ({ g, inputs: [x], dy, saved: { inverse, weight } }) => {
  const width = x!.shape.at(-1)!;
  const rows = count(x!.shape) / width;
  let u: Tensor | undefined;
  const products = () => {
    u ??= reshape(g, mul(g, dy, x!), [rows, width]);
    return u;
  };
  return [
    () => {
      const along = product(g, products(), reshape(g, weight, [width, 1]), { full: true });
      const cube = mul(g, mul(g, inverse, inverse), inverse);
      const factor = scale(g, mul(g, reshape(g, along, inverse.shape), cube), 1 / width);
      return sub(g, mul(g, mul(g, dy, weight), inverse), mul(g, x!, factor));
    },
    () => reshape(g, product(g, reshape(g, inverse, [1, rows]), products(), { full: true }), [width]),
  ];
};
