import { cast, logSoftmax, mul, neg, reduceSum, reshape } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';

/** What the forward pass leaves for the gradient. */
export interface CrossEntropyTerms {
  /** [rows, vocab] */
  logProbabilities: Tensor;
  /** Targets, [rows, 1]; 0 where there is none. */
  index: Tensor;
  /** scale where there is a target, else 0: [rows, 1]. */
  weight: Tensor;
}

/** The loss of `crossEntropy` without its application, for blocks that contain one. */
export function crossEntropyTerms(g: Graph, logits: Tensor, targets: Tensor, scale: Tensor) {
  const column = [logits.shape[0]!, 1];
  const zero = g.constant('int32', [], [0]);
  const counted = cast(g, g.apply('GreaterOrEqual', [targets, zero]), g.float);
  const weight = reshape(g, mul(g, counted, scale), column);
  const index = reshape(g, g.apply('Max', [targets, zero]), column);
  const logProbabilities = logSoftmax(g, logits);
  const terms: CrossEntropyTerms = { logProbabilities, index, weight };
  const losses = mul(g, g.apply('GatherElements', [logProbabilities, index], { axis: 1 }), weight);
  return { loss: neg(g, reduceSum(g, losses, [0, 1], false)), terms };
}

/** dL/dlogits = (softmax(logits) − onehot(target)) · weight, weight [rows, 1]. */
export function logitsGradient(g: Graph, { logProbabilities, index }: CrossEntropyTerms, weight: Tensor): Tensor {
  const spread = mul(g, g.apply('Exp', [logProbabilities]), weight);
  return g.apply('ScatterElements', [spread, index, neg(g, weight)], { axis: 1, reduction: 'add' });
}

/**
 * scale · Σ_i −log softmax(logits_i)[target_i] over the rows with a target ≥ 0; a negative one (−100) is no target. logits
 * [rows, vocab], targets int32 [rows], scale [] → []. With scale = 1 / (targets of the whole optimizer step) the sum over
 * micro-batches is the step's mean, however it is cut.
 */
export function crossEntropy(g: Graph, logits: Tensor, targets: Tensor, scale: Tensor): Tensor {
  return g.block('CrossEntropy', [logits], () => {
    const { loss, terms } = crossEntropyTerms(g, logits, targets, scale);
    return { outputs: [loss], saved: terms };
  })[0]!;
}

export const crossEntropyRule: Rule<CrossEntropyTerms> = ({ g, dy, saved }) => [
  () => logitsGradient(g, saved, mul(g, saved.weight, dy)),
];
