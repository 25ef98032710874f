import type { Graph } from '../graph/graph.ts';
import { peakBytes, runOrder } from '../graph/schedule.ts';
import { count } from '../graph/tensor.ts';
import { buildTraining, trainedParameters } from '../graph/training.ts';
import type { WeightPlace } from '../graph/weights.ts';
import { type Work, workByKind } from '../graph/work.ts';
import type { LoweredPrecision } from '../model/base-precision.ts';
import { isLinearWeight } from '../model/names.ts';
import type { StoredWeights, Trained } from './cost.ts';
import type { Stack } from './selectors.ts';
import type { TrainingShape } from './types.ts';

/** Forward and backward of one micro-batch, as its graph says. */
export interface Pass {
  /** Of activations and temporary tensors, at the fullest moment. */
  bytes: number;
  work: ReadonlyMap<string, Work>;
}
export interface Passes {
  learning: Pass;
  /** With `distill`. */
  following?: Pass;
  /** Elements of everything that is trained. */
  parameters: number;
}
type StoredForm = Pick<StoredWeights, 'dtype' | 'lowered'>;
/** What of a training decides its passes. */
export type PassShape = Pick<TrainingShape, 'microBatch' | 'sequence' | 'recompute' | 'distilled'>;

/** An editor asks for the same ones with each keystroke, and building the graph of 32 layers takes 50 ms. */
const known = new Map<string, Passes>();
const most = 64;

/**
 * The passes of a training: its graphs are built, as the trainer builds them, and their run is followed without computing
 * anything. `stored` says how frozen weights are kept.
 */
export function passesOf(stack: Stack, trained: Trained, shape: PassShape, stored: StoredForm): Passes {
  const { raw: _, ...config } = stack.config;
  const { microBatch, sequence, recompute, distilled } = shape;
  const { lora } = trained;
  const own = [...trained.names];
  const key = JSON.stringify([
    config,
    own,
    lora?.rank,
    lora?.weights,
    microBatch,
    sequence,
    recompute,
    distilled,
    stored.dtype,
    stored.lowered,
  ]);
  const before = known.get(key);
  if (before) return before;
  if (known.size >= most) known.clear();
  const made = followed(stack, own, lora, shape, stored);
  known.set(key, made);
  return made;
}

function followed(
  { config }: Stack,
  trained: readonly string[],
  lora: Trained['lora'],
  { microBatch: batch, sequence, recompute, distilled }: PassShape,
  stored: StoredForm,
): Passes {
  const free = new Set(trained);
  // What is trained and adapted is an error that was said; it has no graph.
  const adapted = lora?.weights.filter((weight) => !free.has(weight));
  const factors = lora && new Map(adapted!.map((weight) => [weight, { rank: lora.rank, scale: 2 }]));
  const parameters = trainedParameters(config, { trained, lora: factors });
  const inputs = new Set(parameters.map(({ name }) => name));
  const external = { location: '', offset: 0, length: 0 };
  const file: WeightPlace = { kind: 'file', dtype: stored.dtype, external };
  const low: Record<LoweredPrecision, WeightPlace> = {
    bfloat16: { kind: 'file', dtype: 'bfloat16', external },
    int4: { kind: 'int4', external, scales: external },
  };
  const places = (name: string): WeightPlace => {
    if (inputs.has(name)) return { kind: 'input' };
    return stored.lowered && isLinearWeight(name) ? low[stored.lowered] : file;
  };
  const options = { batch, sequence, trained, lora: factors, recompute };
  const teacher = { config, places: () => file };
  return {
    learning: passOf(buildTraining(config, places, options)),
    ...(distilled && { following: passOf(buildTraining(config, places, { ...options, teacher })) }),
    parameters: parameters.reduce((sum, { shape }) => sum + count(shape), 0),
  };
}

function passOf(graph: Graph): Pass {
  const order = runOrder(graph);
  return { bytes: peakBytes(graph, order), work: workByKind(graph, order) };
}
