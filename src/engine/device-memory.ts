import { fail } from '../base/problem.ts';
import type { Model } from '../model/types.ts';
import { bytes } from '../plan/amounts.ts';
import { activationBytes, type Trained } from '../plan/cost.ts';
import { parametersPerRank } from '../plan/lora.ts';
import { parametersOf, type Stack, stackOf } from '../plan/selectors.ts';
import type { TrainingShape } from '../plan/types.ts';
import type { TrainerRequest } from './trainer.ts';

/** Estimate of what a training holds on its device at most, bytes. */
export interface DeviceMemory {
  /** Weights that nobody trains, float32. */
  weights: number;
  /** Masters, both moments, gradients, and their sum where a step has several passes. */
  state: number;
  /** Activations and logits of one pass. */
  activations: number;
}

type Shape = Pick<TrainingShape, 'batch' | 'microBatch' | 'sequence' | 'recompute' | 'distilled'>;

export function trainingMemory(stack: Stack, trained: Trained, shape: Shape): DeviceMemory {
  const own = parametersOf(stack, trained.names);
  const factors = trained.lora ? trained.lora.rank * parametersPerRank(trained.lora.weights, stack) : 0;
  const perParameter = shape.microBatch < shape.batch || shape.distilled ? 20 : 16;
  const logits = 3 * 4 * shape.microBatch * shape.sequence * stack.config.vocabSize;
  return {
    weights: 4 * (parametersOf(stack) * (shape.distilled ? 2 : 1) - own),
    state: perParameter * (own + factors),
    activations: activationBytes(stack, trained, shape) + logits,
  };
}

const total = ({ weights, state, activations }: DeviceMemory) => weights + state + activations;

/**
 * Fails with `device-memory`: what the training needs, what of it is what, and which settings need less. A device does not say
 * how much memory it has, so the settings are named with their needs.
 */
export function trainingMemoryShort(request: TrainerRequest, reason: string): never {
  const { model, trained, lora, training, recompute = false } = request;
  const stack = stackOf(model.config, model.layers);
  const what: Trained = { names: new Set(trained), ...(lora && { lora }) };
  const shape: Shape = {
    batch: training.batch,
    microBatch: training.micro_batch,
    sequence: training.sequence,
    recompute,
    distilled: training.distill !== undefined,
  };
  const needed = trainingMemory(stack, what, shape);
  const parts = `${bytes(needed.weights)} frozen weights, ${bytes(needed.state)} trained tensors and optimizer, ${bytes(needed.activations)} activations`;
  return fail(
    'device-memory',
    `The training needs about ${bytes(total(needed))} on the device, which does not have it (${parts}): ${reason}.`,
    { remedy: smallerSettings(stack, what, shape) },
  );
}

/** Settings with less of activations, and what they need, as a sentence. */
export function smallerSettings(stack: Stack, trained: Trained, shape: Shape): string {
  const needs = (changed: Partial<Shape>) => bytes(total(trainingMemory(stack, trained, { ...shape, ...changed })));
  const settings: string[] = [];
  if (!shape.recompute) {
    settings.push(
      `\`recompute: true\` (about ${needs({ recompute: true })}; the run goes on with it where it stands when it is started again)`,
    );
  }
  const half = largestDivisor(shape.microBatch);
  if (half !== undefined) {
    const least = needs({ microBatch: half, recompute: true });
    settings.push(`\`recompute: true\` with \`micro_batch: ${half}\` (about ${least}; another run)`);
  }
  const others = 'Training fewer tensors, LoRA, or `device: cpu` need less of it.';
  return settings.length === 0 ? others : `Set ${settings.join(', or ')}. ${others}`;
}

/** The largest proper divisor: a smaller pass that still divides the batch. */
function largestDivisor(n: number): number | undefined {
  for (let d = Math.floor(n / 2); d >= 1; d--) if (n % d === 0) return d;
  return undefined;
}

/** Fails with `device-memory` where a model does not fit for scoring and generation. */
export function deviceMemoryShort({ config, layers }: Model, reason: string): never {
  const weights = bytes(4 * parametersOf(stackOf(config, layers)));
  return fail(
    'device-memory',
    `The memory of the device does not suffice for the model's weights (${weights} as float32) and a pass beside them: ${reason}.`,
    { remedy: 'Use `--device cpu`, or fewer tokens at a time.' },
  );
}
