import { add, concat, mul, product, reduceSum, reshape, split, sub } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Shape, Tensor } from '../tensor.ts';

interface Saved {
  /** q, k, v with the query heads of a group stacked: [batch, kvHeads, queries, headDim]. */
  queries: Tensor;
  probabilities: Tensor;
  result: Tensor;
  factor: number;
}

export interface Attended {
  /** [batch, heads, sequence, headDim] */
  output: Tensor;
  /** [batch, heads, sequence, keys]; with a cache the cached keys come first. */
  probabilities: Tensor;
}

/**
 * softmax(q·kᵀ/√headDim + mask)·v with grouped heads (Vaswani et al. 2017, eq. 1; Ainslie et al. 2023). q [batch, heads,
 * sequence, headDim], k and v [batch, kvHeads, sequence, headDim], mask [batch, 1, sequence, sequence] with −∞ where a query
 * may not look. The query heads of a group are stacked into one matrix, so k and v are never repeated and the sums over a
 * group in their gradients happen inside the products.
 */
export function attention(g: Graph, q: Tensor, k: Tensor, v: Tensor, mask: Tensor): Attended {
  let probabilities: Tensor | undefined;
  const [output] = g.block('Attention', [q, k, v], () => {
    const groups = grouped(q.shape, k.shape);
    const queries = reshape(g, q, groups.queries);
    const factor = 1 / Math.sqrt(groups.headDim);
    const scores = reshape(g, product(g, queries, k, { transB: true, alpha: factor }), groups.scores);
    probabilities = g.apply('Softmax', [add(g, scores, mask)], { axis: -1 });
    const stacked = reshape(g, probabilities, groups.stacked);
    const result = product(g, stacked, v);
    const saved: Saved = { queries, probabilities: stacked, result, factor };
    return { outputs: [reshape(g, result, q.shape)], saved };
  });
  return { output: output!, probabilities: probabilities! };
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
export const attentionRule: Rule<Saved> = ({ g, inputs: [q, k, v], dy, saved }) => {
  const { queries, probabilities, result, factor } = saved;
  const dO = reshape(g, dy, queries.shape);
  let dScores: Tensor | undefined;
  const scoresGradient = () => {
    dScores ??= mul(
      g,
      probabilities,
      sub(g, product(g, dO, v!, { transB: true }), reduceSum(g, mul(g, dO, result), [3])),
    );
    return dScores;
  };
  return [
    () => reshape(g, product(g, scoresGradient(), k!, { alpha: factor }), q!.shape),
    () => product(g, scoresGradient(), queries, { transA: true, alpha: factor }),
    () => product(g, probabilities, dO, { transA: true }),
  ];
};

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
