import { fail } from '../base/problem.ts';

const remedy = 'Lower learning_rate, lengthen warmup, or set clip, and run again.';

const damaged = 'its weights hold values that are NaN or infinite, or they overflow';
const refetch = 'Check the checkpoint, or fetch it again; one that was trained too fast has to be trained anew.';

/** The loss of the first step is that of the weights the training begins with: nothing was learnt that could diverge. */
export function notFinite(step: number, loss: number, norm: number): never {
  if (step === 1 && !Number.isFinite(loss)) {
    return fail('loss-not-finite', `At step 1, before anything was learnt, the loss is ${loss}: ${damaged}.`, {
      remedy: refetch,
    });
  }
  const what = Number.isFinite(loss) ? `the norm of the gradient is ${norm}` : `the loss is ${loss}`;
  return fail('loss-not-finite', `At step ${step} ${what}: the training has diverged.`, { remedy });
}

/** Of a forward pass without training: the model's outputs are no numbers. */
export function outputsNotFinite(place: string): never {
  return fail('model-not-finite', `What the model in ${place} says is not a number (NaN): ${damaged}.`, {
    place,
    remedy: refetch,
  });
}

export function weightsNotFinite(step: number, name: string): never {
  return fail('weights-not-finite', `After step ${step} ${name} is not finite: the training has diverged.`, { remedy });
}
