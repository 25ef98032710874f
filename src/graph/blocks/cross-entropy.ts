import { cast, mul, neg, reduceSum, reshape } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Rule } from '../rule.ts';
import type { Tensor } from '../tensor.ts';

interface Saved {
  logProbabilities: Tensor;
  index: Tensor;
  weight: Tensor;
}

/**
 * scale · Σ_i −log softmax(logits_i)[target_i] over the rows with a target ≥ 0; a negative one (−100) is no target. logits
 * [rows, vocab], targets int32 [rows], scale [] → []. With scale = 1 / (targets of the whole optimizer step) the sum over
 * micro-batches is the step's mean, however it is cut.
 */
export function crossEntropy(g: Graph, logits: Tensor, targets: Tensor, scale: Tensor): Tensor {
  return g.block('CrossEntropy', [logits], () => {
    const column = [logits.shape[0]!, 1];
    const zero = g.constant('int32', [], [0]);
    const counted = cast(g, g.apply('GreaterOrEqual', [targets, zero]), g.float);
    const weight = reshape(g, mul(g, counted, scale), column);
    const index = reshape(g, g.apply('Max', [targets, zero]), column);
    const logProbabilities = g.apply('LogSoftmax', [logits], { axis: -1 });
    const loss = neg(g, mul(g, g.apply('GatherElements', [logProbabilities, index], { axis: 1 }), weight));
    const saved: Saved = { logProbabilities, index, weight };
    return { outputs: [reduceSum(g, loss, [0, 1], false)], saved };
  })[0]!;
}

/** dlogits = (softmax(logits) − onehot(target)) · weight · dy. */
export const crossEntropyRule: Rule<Saved> = ({ g, dy, saved: { logProbabilities, index, weight } }) => [
  () => {
    const w = mul(g, weight, dy);
    const spread = mul(g, g.apply('Exp', [logProbabilities]), w);
    return g.apply('ScatterElements', [spread, index, neg(g, w)], { axis: 1, reduction: 'add' });
  },
];
