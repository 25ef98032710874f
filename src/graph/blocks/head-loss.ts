import { add, concat, mul, product, productPlus, split, swapLast } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';
import { crossEntropyTerms, logitsGradient } from './cross-entropy.ts';
import { computable } from './stored.ts';

interface Saved {
  dx: Tensor | undefined;
  dWeight: Tensor | undefined;
}

/** Logits of one part: about three tensors of their size exist at once. */
const partBytes = { wanted: 8 * 2 ** 20, allowed: 256 * 2 ** 20 };
/** With fewer rows a product takes longer, because the head's matrix is read for each part. */
const partRows = 256;

/**
 * Into how many equal parts the rows are cut so that the logits of one take little memory; into half as many where each also adds
 * to the gradient of the whole matrix (`gradient`). Decided by what is asked for alone.
 */
export function headParts(rows: number, vocab: number, gradient = false): number {
  const larger = gradient ? 2 : 1;
  const parts = (bytes: number) => Math.ceil((rows * vocab * 4) / bytes);
  const wanted = Math.min(parts(larger * partBytes.wanted), Math.floor(rows / (larger * partRows)));
  const least = Math.max(parts(partBytes.allowed), wanted);
  for (let count = Math.max(1, least); count < rows; count++) if (rows % count === 0) return count;
  return rows;
}

/** Where the gradients of the rows and of the head's matrix are wanted, and in how many parts they are computed. */
export interface HeadOptions {
  parts: number;
  wants: { x: boolean; weight: boolean };
}

/** Loss of one part from its logits, and dL/dlogits for dL/dloss = 1, emitted behind the loss. */
export interface PartLoss {
  loss: Tensor;
  dLogits: () => Tensor;
}

/**
 * A loss of the logits x·Wᵀ without ever holding all of them: x [rows, hidden] in equal parts, of which each gives its loss and
 * its gradients before the next begins. The gradients are made here, for dL/dloss = 1, and only those in `wants`: nothing has
 * to be computed twice, because the loss is the end of every graph that it is in. `perRow`: what else has a first dimension of
 * rows; `criterion` gets its parts, and the part of x, which stands behind all that was computed before.
 */
export function headInParts(
  g: Graph,
  x: Tensor,
  weight: Tensor,
  { parts, wants, perRow }: HeadOptions & { perRow: readonly Tensor[] },
  criterion: (logits: Tensor, perRow: Tensor[], input: Tensor) => PartLoss,
): Tensor {
  return g.block('HeadLoss', [x, weight], () => {
    const sizes = Array.from({ length: parts }, () => x.shape[0]! / parts);
    const rows = split(g, x, sizes, 0);
    const others = perRow.map((tensor) => split(g, tensor, sizes, 0));
    const dxs: Tensor[] = [];
    let dWeight: Tensor | undefined;
    let loss: Tensor | undefined;
    for (const [i, part] of rows.entries()) {
      const input = after(g, part, [dxs.at(-1), dWeight, loss]);
      const logits = product(g, input, computable(g, weight, input), { transB: true });
      const own = criterion(
        logits,
        others.map((pieces) => pieces[i]!),
        input,
      );
      loss = loss ? add(g, loss, own.loss) : own.loss;
      const dLogits = own.dLogits();
      if (wants.x) dxs.push(product(g, dLogits, computable(g, weight, dLogits)));
      if (wants.weight) {
        dWeight = dWeight
          ? productPlus(g, swapLast(g, dLogits), input, dWeight, { full: true })
          : product(g, swapLast(g, dLogits), input, { full: true });
      }
    }
    const saved: Saved = { dx: dxs.length > 0 ? concat(g, dxs, 0) : undefined, dWeight };
    return { outputs: [loss!], saved };
  })[0]!;
}

/** Cross-entropy of x·Wᵀ in parts, as `crossEntropy(linear(x, W))`. */
export function headLoss(
  g: Graph,
  x: Tensor,
  weight: Tensor,
  { targets, scale, ...options }: HeadOptions & { targets: Tensor; scale: Tensor },
): Tensor {
  return headInParts(g, x, weight, { ...options, perRow: [targets] }, (logits, [some]) => {
    const { loss, terms } = crossEntropyTerms(g, logits, some!, scale);
    return { loss, dLogits: () => logitsGradient(g, terms, terms.weight) };
  });
}

/** x, which cannot be used before the tensors given are there: Where(false, a row of them, x). */
export function after(g: Graph, x: Tensor, before: readonly (Tensor | undefined)[]): Tensor {
  return before.reduce<Tensor>((held, tensor) => {
    if (!tensor) return held;
    const first = g.constant('int32', [], [0]);
    const row = tensor.shape.length === 0 ? tensor : g.apply('Gather', [tensor, first], { axis: 0 });
    return g.apply('Where', [g.constant('bool', [], [0]), row, held]);
  }, x);
}

export const headLossRule: Rule<Saved> = ({ g, dy, saved: { dx, dWeight } }) => {
  const scaled = (gradient: Tensor | undefined) =>
    gradient && (() => (dy === g.scalar(1) ? gradient : mul(g, gradient, dy)));
  return [scaled(dx), scaled(dWeight)];
};
