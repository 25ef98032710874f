import { cast, logSoftmax, mul, product, reduceSum, reshape, sub } from '../functions.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { after, type HeadOptions, headInParts } from './head-loss.ts';
import { computable } from './stored.ts';

/** What the teacher says of the same tokens: its last hidden states, normed [rows, hidden], and its head [vocab, hidden]. */
export interface TeacherOutput {
  x: Tensor;
  weight: Tensor;
}

/**
 * scale · Σ_i KL(p_i ‖ q_i) over the rows with a target ≥ 0 (which of the vocabulary it is plays no part), p the teacher's
 * distribution and q the student's, softmax of x·Wᵀ each, in nats:
 *
 *   KL(p ‖ q) = Σ_v p_v (log p_v − log q_v) ≥ 0,   dKL/dlogits = q − p
 *
 * The direction is that of distillation (Hinton et al. 2015) and of LwF (Li and Hoiem 2016), temperature 1: the student is
 * held wherever the teacher has mass. Nothing flows back to the teacher.
 */
export function headDistillation(
  g: Graph,
  x: Tensor,
  weight: Tensor,
  { targets, scale, teacher, ...options }: HeadOptions & { targets: Tensor; scale: Tensor; teacher: TeacherOutput },
): Tensor {
  const perRow = [targets, teacher.x];
  return headInParts(g, x, weight, { ...options, perRow }, (logits, [some, theirs], input) => {
    // Tied to this part of the student's rows: else all parts of the teacher's logits would be computed at first.
    const held = after(g, theirs!, [input]);
    const teacherLogits = product(g, held, computable(g, teacher.weight, held), { transB: true });
    const logP = logSoftmax(g, teacherLogits);
    const logQ = logSoftmax(g, logits);
    const p = g.apply('Exp', [logP]);
    const zero = g.constant('int32', [], [0]);
    const counted = cast(g, g.apply('GreaterOrEqual', [some!, zero]), g.float);
    const row = reshape(g, mul(g, counted, scale), [logits.shape[0]!, 1]);
    const divergence = reduceSum(g, mul(g, p, sub(g, logP, logQ)), [1]);
    return {
      loss: reduceSum(g, mul(g, divergence, row), [0, 1], false),
      dLogits: () => mul(g, sub(g, g.apply('Exp', [logQ]), p), row),
    };
  });
}
