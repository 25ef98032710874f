import { isEmbedding, linearModules } from '../model/names.ts';
import { parametersPerRank } from './lora.ts';
import { parametersOf, type Stack } from './selectors.ts';
import type { Cost, LoraPlan, MachineFacts, TrainingShape } from './types.ts';

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

/**
 * float32 values that one layer keeps for its backward pass, per token: four of the hidden size (inputs and outputs of both
 * norms), three of queries and of keys and values (before and after RoPE, output), three of the MLP's inner size, and two of
 * the S attention weights per head. Fitted to measured peaks (test/unit/plan/cost.test.ts).
 */
function activationsPerToken({ config }: Stack, sequence: number): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  return 4 * hiddenSize + 3 * headDim * (heads + kvHeads) + 3 * intermediateSize + 2 * heads * sequence;
}

/** Bytes of everything that one micro-batch keeps until its backward pass. */
export function activationBytes(
  stack: Stack,
  trained: Trained,
  shape: Pick<TrainingShape, 'microBatch' | 'sequence' | 'recompute'>,
): number {
  const tokens = shape.microBatch * shape.sequence;
  const reached = Math.max(1, stack.layers.length - lowestTrained(stack, trained));
  const perLayer = 4 * tokens * activationsPerToken(stack, shape.sequence);
  // With recompute only the input of each layer is kept, and one layer at a time is there three times: values, again, gradients.
  return shape.recompute ? 4 * tokens * stack.config.hiddenSize * reached + 3 * perLayer : perLayer * (reached + 1);
}

/**
 * `recompute: auto`: on if the activations of one micro-batch, all layers that gradients reach, take more than 2 GiB. It is
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

/** Program, runtime and buffers, before any weight: measured on Linux with Node 20 and onnxruntime 1.30. */
const processBytes = 150e6;

/** Estimated peak resident memory of one run, bytes. Frozen weights are mapped from their files, so they are upper bounds. */
export function peakMemory(
  stack: Stack,
  trained: Trained,
  shape: TrainingShape | undefined,
  bytesPerWeight: number,
): number {
  const weights = parametersOf(stack) * bytesPerWeight;
  if (shape === undefined) return processBytes + weights + 3 * 4 * 512 * stack.config.vocabSize;
  const factors = trained.lora ? trained.lora.rank * parametersPerRank(trained.lora.weights, stack) : 0;
  // Master, both moments and gradient in float32, and the sum of gradients where a step has several micro-batches.
  const perParameter = shape.microBatch < shape.batch || shape.distilled ? 20 : 16;
  const state = perParameter * (parametersOf(stack, trained.names) + factors);
  // Logits, their log-softmax and their gradient.
  const logits = 3 * 4 * shape.microBatch * shape.sequence * stack.config.vocabSize;
  // Both sessions keep their activations; the second holds the teacher's logits besides.
  const activations = logits + activationBytes(stack, trained, shape);
  return (
    processBytes +
    weights +
    state +
    activations * (shape.distilled ? 2 : 1) +
    (shape.distilled ? weights + (2 * logits) / 3 : 0)
  );
}

/** Cost of one run. `shape` is undefined if nothing is trained; its steps may be unknown, then training counts as nothing yet. */
export function costOf(
  stack: Stack,
  trained: Trained,
  shape: TrainingShape | undefined,
  evaluations: Evaluations,
  bytesPerWeight: number,
  machine?: MachineFacts,
): Cost {
  const trainTokens = shape?.steps === undefined ? 0 : shape.steps * shape.batch * shape.sequence;
  const window = Math.min(512, stack.config.maxPositions);
  const flops =
    (shape === undefined ? 0 : trainTokens * stepFlopsPerToken(stack, trained, shape)) +
    evaluations.tokens * evaluations.times * forwardFlopsPerToken(stack, window);
  const speed = machine?.flopsPerSecond;
  return {
    trainTokens,
    flops,
    memory: peakMemory(stack, trained, shape, bytesPerWeight),
    seconds: speed === undefined ? undefined : flops / speed,
  };
}
