import { add, concat, mul, product, reduceSum, reshape, slice, split, sub } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Shape, Tensor } from '../tensor.ts';

/** The queries of a part of the row and the keys up to its end: what the way back needs of it. */
interface Part {
  /** The query heads of a group stacked: [batch, kvHeads, rows, headDim]. */
  queries: Tensor;
  /** [batch, kvHeads, end, headDim] */
  key: Tensor;
  value: Tensor;
  /** [batch, kvHeads, rows, end] */
  probabilities: Tensor;
  result: Tensor;
}
interface Saved {
  parts: Part[];
  /** Queries of each part. */
  widths: number[];
  factor: number;
}

export interface Attended {
  /** [batch, heads, sequence, headDim] */
  output: Tensor;
  /** [batch, heads, sequence, keys]; with a cache the cached keys come first. Undefined if the row was cut into parts. */
  probabilities?: Tensor;
}

/**
 * Into how many queries each part of a row is cut. No query sees a key behind it in the row, so a part is computed with the
 * keys up to its end only: with 8 parts 7/16 of all scores are never made. Decided by the length alone.
 */
export function attentionParts(sequence: number): number[] {
  const count = Math.min(8, Math.max(1, Math.floor(sequence / 128)));
  const width = Math.ceil(sequence / count);
  return Array.from({ length: count }, (_, i) => Math.min(width, sequence - i * width));
}

/**
 * softmax(q·kᵀ/√headDim + mask)·v with grouped heads (Vaswani et al. 2017, eq. 1; Ainslie et al. 2023). q [batch, heads,
 * sequence, headDim], k and v [batch, kvHeads, sequence, headDim]. There is one mask for each part of the row, [batch, 1,
 * queries of the part, keys up to its end], with −∞ where a query may not look. The query heads of a group are stacked into one
 * matrix, so k and v are never repeated and the sums over a group in their gradients happen inside the products.
 */
export function attention(g: Graph, q: Tensor, k: Tensor, v: Tensor, masks: readonly Tensor[]): Attended {
  const factor = 1 / Math.sqrt(q.shape[3]!);
  let probabilities: Tensor | undefined;
  const [output] = g.block('Attention', [q, k, v], () => {
    const widths = masks.map((mask) => mask.shape[2]!);
    const results: Tensor[] = [];
    const parts = split(g, q, widths, 2).map((part, i): Part => {
      const mask = masks[i]!;
      const [key, value] = [k, v].map((x) => slice(g, x, [{ axis: 2, from: 0, to: mask.shape[3]! }])) as [
        Tensor,
        Tensor,
      ];
      const groups = grouped(part.shape, key.shape);
      const queries = reshape(g, part, groups.queries);
      const scores = reshape(g, product(g, queries, key, { transB: true, alpha: factor }), groups.scores);
      const softmax = g.apply('Softmax', [add(g, scores, mask)], { axis: -1 });
      if (masks.length === 1) probabilities = softmax;
      const stacked = reshape(g, softmax, groups.stacked);
      const result = product(g, stacked, value);
      results.push(reshape(g, result, part.shape));
      return { queries, key, value, probabilities: stacked, result };
    });
    return { outputs: [concat(g, results, 2)], saved: { parts, widths, factor } satisfies Saved };
  });
  return { output: output!, probabilities };
}

function grouped([batch, heads, sequence, headDim]: Shape, [, kvHeads, keys]: Shape) {
  const rows = (heads! / kvHeads!) * sequence!;
  return {
    headDim: headDim!,
    queries: [batch!, kvHeads!, rows, headDim!],
    stacked: [batch!, kvHeads!, rows, keys!],
    scores: [batch!, heads!, sequence!, keys!],
  };
}

/**
 * dV = Pᵀ·dO; with dP = dO·Vᵀ the softmax's gradient is dS = P∘(dP − rowsum(dP∘P)), and rowsum(dP∘P) = rowsum(dO∘O), which
 * runs over headDim instead of over the keys (Dao et al. 2022, §B.2).
 */
export const attentionRule: Rule<Saved> = ({ g, inputs: [q], dy, saved: { parts, widths, factor } }) => {
  const [batch, heads, , headDim] = q!.shape;
  const outputs = split(g, dy, widths, 2).map((t, i) => reshape(g, t, parts[i]!.queries.shape));
  const made: Tensor[] = [];
  const scoresGradient = (i: number) => {
    const { value, result, probabilities } = parts[i]!;
    const dO = outputs[i]!;
    made[i] ??= mul(
      g,
      probabilities,
      sub(g, product(g, dO, value, { transB: true }), reduceSum(g, mul(g, dO, result), [3])),
    );
    return made[i];
  };
  const each = (gradient: (part: Part, i: number) => Tensor) => parts.map(gradient);
  return [
    () => {
      const dq = each(({ key }, i) => product(g, scoresGradient(i), key, { alpha: factor }));
      return concat(
        g,
        dq.map((t, i) => reshape(g, t, [batch!, heads!, widths[i]!, headDim!])),
        2,
      );
    },
    () => {
      const dk = each(({ queries }, i) => product(g, scoresGradient(i), queries, { transA: true, alpha: factor }));
      return sumOfPrefixes(g, dk, widths);
    },
    () => {
      const dv = each(({ probabilities }, i) => product(g, probabilities, outputs[i]!, { transA: true }));
      return sumOfPrefixes(g, dv, widths);
    },
  ];
};

/** Sum of tensors that begin at the same key: the i-th ends with the i-th part. [batch, kvHeads, keys, headDim] */
function sumOfPrefixes(g: Graph, prefixes: readonly Tensor[], widths: readonly number[]): Tensor {
  const pieces = prefixes.map((t, i) => split(g, t, widths.slice(0, i + 1), 2));
  const sums = widths.map((_, key) =>
    pieces
      .slice(key)
      .map((p) => p[key]!)
      .reduce((a, b) => add(g, a, b)),
  );
  return concat(g, sums, 2);
}

/** Keys and values of earlier tokens: [batch, kvHeads, past, headDim] each. */
export interface PastKeyValues {
  key: Tensor;
  value: Tensor;
}

/**
 * Attention of new tokens to a cache and to each other; masks [batch, 1, sequence, past] and [batch, 1, sequence, sequence].
 * Scores are joined, keys and values are not: the cache is read in place.
 */
export function cachedAttention(
  g: Graph,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  past: PastKeyValues,
  masks: { past: Tensor; own: Tensor },
): Attended {
  const own = grouped(q.shape, k.shape);
  const before = grouped(q.shape, past.key.shape);
  const queries = reshape(g, q, own.queries);
  const alpha = 1 / Math.sqrt(own.headDim);
  const ownScores = reshape(g, product(g, queries, k, { transB: true, alpha }), own.scores);
  const pastScores = reshape(g, product(g, queries, past.key, { transB: true, alpha }), before.scores);
  const scores = concat(g, [add(g, pastScores, masks.past), add(g, ownScores, masks.own)], 3);
  const probabilities = g.apply('Softmax', [scores], { axis: -1 });
  const [p, o] = split(g, probabilities, [before.scores[3]!, own.scores[3]!], 3);
  const fromPast = product(g, reshape(g, p!, before.stacked), past.value);
  const fromOwn = product(g, reshape(g, o!, own.stacked), v);
  return { output: reshape(g, add(g, fromPast, fromOwn), q.shape), probabilities };
}
