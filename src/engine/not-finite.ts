import { fail } from '../base/problem.ts';

const remedy = 'Lower learning_rate, lengthen warmup, or set clip, and run again.';

export function notFinite(step: number, loss: number, norm: number): never {
  const what = Number.isFinite(loss) ? `the norm of the gradient is ${norm}` : `the loss is ${loss}`;
  return fail('loss-not-finite', `At step ${step} ${what}: the training has diverged.`, { remedy });
}

export function weightsNotFinite(step: number, name: string): never {
  return fail('weights-not-finite', `After step ${step} ${name} is not finite: the training has diverged.`, { remedy });
}
