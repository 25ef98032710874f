import type { ResolvedTraining } from '../plan/types.ts';
import type { AdamwCoefficients, Parameter } from './memory.ts';

export type OptimizerSettings = Pick<ResolvedTraining, 'betas' | 'epsilon' | 'weight_decay' | 'clip'>;

/** Global norm of the gradients, √Σg² over all parameters; not finite if one of them is not. */
export function gradientNorm(parameters: readonly Parameter[]): number {
  return Math.sqrt(parameters.reduce((sum, p) => sum + p.sumOfSquares(), 0));
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
