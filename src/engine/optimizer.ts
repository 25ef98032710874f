import type { Shape } from '../graph/tensor.ts';
import type { ResolvedTraining } from '../plan/types.ts';
import type { AdamwCoefficients, Parameter } from './memory.ts';

export type OptimizerSettings = Pick<ResolvedTraining, 'betas' | 'epsilon' | 'weight_decay' | 'clip'>;

/** Global norm of the gradients, √Σg² over all parameters; not finite if one of them is not. */
export function gradientNorm(parameters: readonly Parameter[]): number {
  return Math.sqrt(parameters.reduce((sum, p) => sum + p.sumOfSquares('gradient'), 0));
}

/** Factor on all gradients: min(1, clip/(norm + 1e-6)); 0 is no clipping. Source: torch `clip_grad_norm_`. */
export function clipFactor(norm: number, clip: number): number {
  return clip === 0 ? 1 : Math.min(1, clip / (norm + 1e-6));
}

/** One bias-corrected AdamW step, the `step`-th (from 1). Weight decay acts on parameters of two or more dimensions. */
export function adamwStep(
  parameters: readonly Parameter[],
  { betas: [beta1, beta2], epsilon, weight_decay: decay, clip }: OptimizerSettings,
  { step, norm, learningRate }: { step: number; norm: number; learningRate: number },
): void {
  const rate = learningRate / (1 - beta1 ** step);
  const inverse2 = 1 / Math.sqrt(1 - beta2 ** step);
  for (const parameter of parameters) {
    const keep = parameter.shape.length >= 2 ? 1 - learningRate * decay : 1;
    const factor = clipFactor(norm, clip);
    const coefficients: AdamwCoefficients = [factor, keep, 1 - beta1, beta2, 1 - beta2, rate, inverse2, epsilon];
    parameter.adamw(coefficients);
  }
}

/** Norms of one tensor: ‖Δw‖ of the last step, and ‖w‖ after it. */
export interface UpdateNorms {
  update: number;
  weight: number;
}

/**
 * What the `step`-th step did to a parameter, computed back from the moments and the values that it left, so that no copy of
 * the weights is needed. Exact up to the rounding of the values. Reads every element in JavaScript: not for every step.
 */
export function updateNorms(
  { shape, arrays }: { shape: Shape; arrays: Readonly<Record<'value' | 'first' | 'second', Float32Array>> },
  { betas: [beta1, beta2], epsilon, weight_decay: decay }: OptimizerSettings,
  { step, learningRate }: { step: number; learningRate: number },
): UpdateNorms {
  const { value, first, second } = arrays;
  const rate = learningRate / (1 - beta1 ** step);
  const inverse2 = 1 / Math.sqrt(1 - beta2 ** step);
  const keep = shape.length >= 2 ? 1 - learningRate * decay : 1;
  let update = 0;
  let weight = 0;
  for (let i = 0; i < value.length; i++) {
    const moved = (rate * first[i]!) / (Math.sqrt(second[i]!) * inverse2 + epsilon);
    const before = (value[i]! + moved) / keep;
    update += (value[i]! - before) ** 2;
    weight += value[i]! ** 2;
  }
  return { update: Math.sqrt(update), weight: Math.sqrt(weight) };
}
