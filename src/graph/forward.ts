import { devices } from '../device/devices.ts';
import type { Device } from '../device/types.ts';
import type { ModelConfig } from '../model/types.ts';
import { decoder, type PastInputs } from './decoder.ts';
import { cast, concat, isLargest, logSoftmax, reshape, split } from './functions.ts';
import { Graph } from './graph.ts';
import type { Tensor } from './tensor.ts';
import { type LoraMap, type WeightPlaces, Weights } from './weights.ts';

export interface ForwardOptions {
  batch: number;
  sequence: number;
  /** Every position that is fed is below it (size of the RoPE tables); `sequence` by default. */
  positions?: number;
  /** Slots of the key-value cache: adds the inputs of `past` (see `buildForward`). */
  past?: number;
  /** Adds the input `parents`, int32 [batch·sequence]: a segment that each token sees besides its own. */
  parents?: boolean;
  /** Rows of [batch·sequence] that go through the head, as many as this, chosen by the input `rows`; all by default. */
  rows?: number;
  /** Model layers in the order in which they run (removal, duplication); all in order by default. */
  stack?: readonly number[];
  /** Begin with the input `hidden`, float32 [batch·sequence, hidden], instead of the embeddings of `ids`. */
  fromHidden?: boolean;
  lora?: LoraMap;
  outputs: ForwardOutputs;
  device?: Device;
}

export interface ForwardOutputs {
  /** `logits` float32 [rows, vocab]. */
  logits?: boolean;
  /** Input `targets` int32 [rows], each ≥ 0; `log_probability` float32 [rows]. */
  scores?: boolean;
  /** With `scores` also `greedy` bool [rows]: the target is the argmax (the first of equals). */
  greedy?: boolean;
  /** `hidden.0` … `hidden.L` float32 [batch·sequence, hidden]: the input of each layer of the stack, and the last one's output before the final norm. */
  hidden?: boolean;
  /** `last` float32 [batch·sequence, hidden]: the last layer's output before the final norm. */
  last?: boolean;
  /** `key.i`, `value.i` float32 [batch, kvHeads, sequence, headDim]: of this pass's tokens, keys rotated. */
  keyValues?: boolean;
  /** `attention.i` float32 [batch, heads, sequence, past + sequence]. */
  attention?: boolean;
}

/**
 * A forward pass. Inputs, int32 [batch·sequence], row-major: `ids` (unless it begins with hidden states), `segments` (attention
 * stays inside equal numbers; give padding a number of its own), `positions` (for RoPE, causality and windows). A token sees
 * none that stands behind it in its row, so those that it is to see must stand before it.
 *
 * With `past` slots also: `past.segments` and `past.positions`, int32 [batch·past] (an empty slot has a segment that no token
 * has), and `past.key.i`, `past.value.i` float32 [batch, kvHeads, past, headDim]. The pass gives only the new tokens' keys and
 * values; their owner writes them into the slots. So the cache is never copied.
 */
export function buildForward(config: ModelConfig, places: WeightPlaces, options: ForwardOptions): Graph {
  const { batch, sequence, outputs } = options;
  const g = new Graph('float32', (options.device ?? devices.cpu!).forms);
  const weights = new Weights(g, config, places, options.lora);
  const stack = options.stack ?? Array.from({ length: config.layers }, (_, i) => i);
  const perToken = (name: string) => g.input(name, 'int32', [batch * sequence]);
  const tokens = {
    ...(!options.fromHidden && { ids: perToken('ids') }),
    segments: perToken('segments'),
    positions: perToken('positions'),
    ...(options.parents && { parents: perToken('parents') }),
  };
  const past = options.past ? pastInputs(g, config, batch, options.past, stack.length) : undefined;
  const size = { batch, sequence, positions: options.positions ?? sequence, wholeRows: outputs.attention };
  const d = decoder(g, config, weights, size, tokens, past);

  let x = options.fromHidden ? g.input('hidden', 'float32', [batch * sequence, config.hiddenSize]) : d.embed();
  for (const [slot, index] of stack.entries()) {
    if (outputs.hidden) g.output(`hidden.${slot}`, x);
    const { y, trace } = d.layer(x, index, { slot });
    if (trace.probabilities && outputs.attention) g.output(`attention.${slot}`, trace.probabilities);
    if (outputs.keyValues) {
      g.output(`key.${slot}`, trace.key);
      g.output(`value.${slot}`, trace.value);
    }
    x = y;
  }
  if (outputs.hidden) g.output(`hidden.${stack.length}`, x);
  if (outputs.last) g.output('last', x);
  if (!outputs.logits && !outputs.scores) return g;

  const chosen =
    options.rows === undefined ? x : g.apply('Gather', [x, g.input('rows', 'int32', [options.rows])], { axis: 0 });
  const logitsOf = (rows: Tensor) => d.head(d.norm(rows));
  if (!outputs.logits) {
    putScores(g, parts(g, chosen, Math.floor(logitsHeld / config.vocabSize)), logitsOf, outputs);
    return g;
  }
  const logits = logitsOf(chosen);
  if (outputs.scores) putScores(g, [logits], (whole) => whole, outputs);
  g.output('logits', logits);
  return g;
}

/** Elements of logits that are in memory at a time where only scores are wanted: 64 MB, and as much for their softmax. */
const logitsHeld = 2 ** 24;

/** Rows of x in parts of at most `most` rows. */
function parts(g: Graph, x: Tensor, most: number): Tensor[] {
  const rows = x.shape[0]!;
  const size = Math.max(1, most);
  const sizes = Array.from({ length: Math.ceil(rows / size) }, (_, i) => Math.min(size, rows - i * size));
  return split(g, x, sizes, 0);
}

function pastInputs(g: Graph, config: ModelConfig, batch: number, length: number, layers: number): PastInputs {
  const cache = (name: string) => g.input(name, 'float32', [batch, config.kvHeads, length, config.headDim]);
  return {
    length,
    segments: g.input('past.segments', 'int32', [batch * length]),
    positions: g.input('past.positions', 'int32', [batch * length]),
    layers: Array.from({ length: layers }, (_, i) => ({
      key: cache(`past.key.${i}`),
      value: cache(`past.value.${i}`),
    })),
  };
}

/** Scores of all parts; those of one part are finished, and its logits freed, before the next begins. */
function putScores(
  g: Graph,
  rows: readonly Tensor[],
  logitsOf: (rows: Tensor) => Tensor,
  { greedy = false }: ForwardOutputs,
): void {
  const sizes = rows.map((part) => part.shape[0]!);
  const total = sizes.reduce((a, b) => a + b, 0);
  const targets = split(g, g.input('targets', 'int32', [total]), sizes, 0);
  // Both scores of a part are joined into one tensor: as outputs of their own, all parts' logits would wait for the second.
  const scored = rows.map((part, i) => {
    const logits = logitsOf(part);
    const column = reshape(g, targets[i]!, [sizes[i]!, 1]);
    const chosen = g.apply('GatherElements', [logSoftmax(g, logits), column], { axis: 1 });
    return greedy ? concat(g, [chosen, cast(g, isLargest(g, logits, column), g.float)], 1) : chosen;
  });
  const [logProbability, largest] = split(g, concat(g, scored, 0), greedy ? [1, 1] : [1], 1);
  g.output('log_probability', reshape(g, logProbability!, [total]));
  if (largest) g.output('greedy', cast(g, reshape(g, largest, [total]), 'bool'));
}
