import type { StoredType } from '../graph/weights.ts';
import { type LoweredPrecision, loweredBytes } from '../model/base-precision.ts';
import { isEmbedding, isLinearWeight, linearModules } from '../model/names.ts';
import { parametersPerRank } from './lora.ts';
import { type Pass, passesOf } from './passes.ts';
import type { Stack } from './selectors.ts';
import type { Cost, LoraPlan, MachineFacts, Speed, TrainingShape } from './types.ts';

/** What an arm trains, as its cost sees it. */
export interface Trained {
  names: ReadonlySet<string>;
  lora?: Pick<LoraPlan, 'rank' | 'weights'>;
}

/** What one run evaluates: tokens of one evaluation, and how often it is done. */
export interface Evaluations {
  tokens: number;
  times: number;
}

/**
 * Multiply–adds counted as two FLOPs: 2·N for each token and weight matrix, and 4·S·d for QKᵀ and P·V of each layer over the whole
 * S × S square (as measured speeds count it). Backward, dX costs what the forward does and dW
 * the same again; dX ends at the lowest trained tensor, dW is computed only for what is trained.
 */
export function trainingFlopsPerToken(stack: Stack, trained: Trained, sequence: number, recompute: boolean): number {
  const { layers: linear, head } = linearParameters(stack);
  const attention = 4 * sequence * stack.config.heads * stack.config.headDim;
  const lowest = lowestTrained(stack, trained);
  const reached = Math.max(0, stack.layers.length - lowest);
  const forward = 2 * (linear * stack.layers.length + head) + attention * stack.layers.length;
  const inputGradients = 2 * (linear * reached + head) + 2 * attention * reached;
  const weightGradients = 2 * trainedMatrices(stack, trained.names);
  const again = recompute ? reached * (2 * linear + attention) : 0;
  return forward + inputGradients + weightGradients + again + loraFlopsPerToken(stack, trained);
}

/** Forward, dX and dW of the factors: 3 · 2 · rank · (in + out). */
function loraFlopsPerToken(stack: Stack, { lora }: Trained): number {
  return lora === undefined ? 0 : 6 * lora.rank * parametersPerRank(lora.weights, stack);
}

/** Forward only, in windows of `sequence` tokens. */
export function forwardFlopsPerToken(stack: Stack, sequence: number): number {
  const { layers: linear, head } = linearParameters(stack);
  const attention = 4 * sequence * stack.config.heads * stack.config.headDim;
  return 2 * (linear * stack.layers.length + head) + attention * stack.layers.length;
}

/** Weights in the linear modules of one layer, and in the output head. */
function linearParameters({ config }: Stack): { layers: number; head: number } {
  const { hiddenSize: h, intermediateSize: f, headDim, heads, kvHeads } = config;
  const shapes: Record<(typeof linearModules)[number], number> = {
    'self_attn.q_proj': h * heads * headDim,
    'self_attn.k_proj': h * kvHeads * headDim,
    'self_attn.v_proj': h * kvHeads * headDim,
    'self_attn.o_proj': h * heads * headDim,
    'mlp.gate_proj': h * f,
    'mlp.up_proj': h * f,
    'mlp.down_proj': h * f,
  };
  return { layers: linearModules.reduce((sum, m) => sum + shapes[m], 0), head: h * config.vocabSize };
}

/** Trained matrices that a GEMM gives the gradient of: not norms and biases; embeddings only where they are the head too. */
function trainedMatrices({ config, tensors }: Stack, names: ReadonlySet<string>): number {
  return tensors.reduce((sum, t) => {
    if (!names.has(t.name) || t.shape.length < 2) return sum;
    return isEmbedding(t.name) && !config.tied ? sum : sum + t.parameters;
  }, 0);
}

/** The lowest layer that gradients must reach; 0 if the embeddings are trained, the number of layers if only what is above is. */
export function lowestTrained({ tensors, layers }: Stack, { names, lora }: Trained): number {
  const adapted = new Set(lora?.weights);
  // Tensors are in model order, so the first one decides.
  for (const { name, layer } of tensors) {
    if (!names.has(name) && !adapted.has(name)) continue;
    if (isEmbedding(name)) return 0;
    if (layer !== undefined) return layer;
  }
  return layers.length;
}

/** Bytes of activations and temporary tensors that one micro-batch holds at its fullest moment (`passesOf`). */
export function activationBytes(
  stack: Stack,
  trained: Trained,
  shape: Pick<TrainingShape, 'microBatch' | 'sequence' | 'recompute'>,
  stored: StoredType = 'float32',
): number {
  return passesOf(stack, trained, { ...shape, distilled: false }, { dtype: stored }).learning.bytes;
}

/**
 * `recompute: auto`: on if the activations of one micro-batch take more than 2 GiB. It is
 * decided by the shapes of model and file alone, so that a plan says the same everywhere.
 */
export const recomputeAbove = 2 * 1024 ** 3;
export function autoRecompute(
  stack: Stack,
  trained: Trained,
  shape: Pick<TrainingShape, 'microBatch' | 'sequence'>,
): boolean {
  return activationBytes(stack, trained, { ...shape, recompute: false }) > recomputeAbove;
}

/** Of a token that is learnt, with that of one more on which a teacher of about the same size is followed. */
function stepFlopsPerToken(stack: Stack, trained: Trained, { sequence, recompute, distilled }: TrainingShape): number {
  const learning = trainingFlopsPerToken(stack, trained, sequence, recompute);
  return distilled ? 2 * learning + forwardFlopsPerToken(stack, sequence) : learning;
}

/** Program, runtime and its own buffers, before any weight: measured on Linux with Node 20 and onnxruntime 1.30. */
const processBytes = 165e6;
/** What the arena takes beyond the tensors that it holds: its pieces do not fit without gaps. */
const arenaSlack = 1.1;

/** Estimated peak resident memory of one run, bytes. Frozen weights are mapped from their files: pages of them can be given back. */
export function peakMemory(
  stack: Stack,
  trained: Trained,
  shape: TrainingShape | undefined,
  weights: StoredWeights,
): number {
  const frozen = (trained: ReadonlySet<string>) =>
    stack.tensors.reduce(
      (sum, t) => sum + (trained.has(t.name) ? 0 : t.parameters * bytesPerWeight(t.name, weights)),
      0,
    );
  if (shape === undefined) return processBytes + frozen(new Set()) + forwardBytes(stack);
  const { learning, following, parameters } = passesOf(stack, trained, shape, weights);
  // Master, both moments and gradient in float32, and the gradient of one more pass where a step has several.
  const perParameter = shape.microBatch < shape.batch || following ? 20 : 16;
  return (
    processBytes +
    frozen(trained.names) +
    perParameter * parameters +
    // Both sessions keep what they took.
    arenaSlack * (learning.bytes + (following?.bytes ?? 0)) +
    (following ? frozen(new Set()) : 0)
  );
}

/** Of an evaluation: logits of as many rows as are held at once, and their softmax. */
function forwardBytes({ config }: Stack): number {
  return 3 * 4 * 512 * config.vocabSize;
}

/** How a model's weights are stored, for the most part. */
export interface StoredWeights {
  dtype: StoredType;
  /** Of one weight, on average. */
  bytes: number;
  /** Of frozen matrices of the layers, where it is another (`base_precision`). */
  lowered?: LoweredPrecision;
}

function bytesPerWeight(name: string, { bytes, lowered }: StoredWeights): number {
  return lowered && isLinearWeight(name) ? Math.min(bytes, loweredBytes[lowered]) : bytes;
}

/** Seconds of one optimizer step at a measured speed. */
export function stepSeconds(
  stack: Stack,
  trained: Trained,
  shape: TrainingShape,
  weights: StoredWeights,
  speed: Speed,
): number {
  const { learning, following, parameters } = passesOf(stack, trained, shape, weights);
  const times = shape.batch / shape.microBatch;
  const passes = (following ? 2 : 1) * times;
  const own = passSeconds(learning, speed) + (following ? passSeconds(following, speed) : 0);
  return times * own + parameters * ((passes - 1) * speed.sum + speed.optimizer);
}

/** Each node's own time, and that of what it has to do. A kind that was not measured counts as adding does. */
function passSeconds({ work }: Pass, { node, kinds }: Speed): number {
  const usual = kinds['Add'] ?? 0;
  return [...work].reduce((sum, [kind, { nodes, units }]) => sum + nodes * node + units * (kinds[kind] ?? usual), 0);
}

/** Cost of one run. `shape` is undefined if nothing is trained; its steps may be unknown, then training counts as nothing yet. */
export function costOf(
  stack: Stack,
  trained: Trained,
  shape: TrainingShape | undefined,
  evaluations: Evaluations,
  weights: StoredWeights,
  machine?: MachineFacts,
): Cost {
  const steps = shape?.steps ?? 0;
  const trainTokens = shape === undefined ? 0 : steps * shape.batch * shape.sequence;
  const window = Math.min(512, stack.config.maxPositions);
  const evaluating = evaluations.tokens * evaluations.times * forwardFlopsPerToken(stack, window);
  const training = shape === undefined ? 0 : trainTokens * stepFlopsPerToken(stack, trained, shape);
  const speed = machine?.speed;
  const seconds =
    speed &&
    evaluating / speed.flopsPerSecond +
      (shape === undefined || steps === 0 ? 0 : steps * stepSeconds(stack, trained, shape, weights, speed));
  return { trainTokens, flops: training + evaluating, memory: peakMemory(stack, trained, shape, weights), seconds };
}
