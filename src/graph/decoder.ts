import { factorName } from '../model/adapter.ts';
import { embeddingName, finalNormName, headName, layerTensorName } from '../model/names.ts';
import type { ModelConfig } from '../model/types.ts';
import { adaptedLinears } from './blocks/adapted.ts';
import { attention, attentionParts, cachedAttention, type PastKeyValues } from './blocks/attention.ts';
import { embedding } from './blocks/embedding.ts';
import { linear } from './blocks/linear.ts';
import { rmsNorm } from './blocks/rms-norm.ts';
import { type Angles, rotary, rotaryAngles } from './blocks/rotary.ts';
import { swiglu } from './blocks/swiglu.ts';
import { add, reshape, transpose } from './functions.ts';
import type { Graph } from './graph.ts';
import { attentionMasks, maskParts } from './mask.ts';
import type { Tensor } from './tensor.ts';
import type { Weights } from './weights.ts';

/** Tokens of one pass: int32 [batch·sequence] each, row-major. */
export interface TokenInputs {
  /** Needed to embed only. */
  ids?: Tensor;
  segments: Tensor;
  positions: Tensor;
  /** The segment that each token sees besides its own: what several continuations have in common is computed once. */
  parents?: Tensor;
}
/** Tokens whose keys and values are given: int32 [batch·length], and one pair per layer of the stack. */
export interface PastInputs {
  segments: Tensor;
  positions: Tensor;
  length: number;
  layers: readonly PastKeyValues[];
}
export interface DecoderSize {
  batch: number;
  sequence: number;
  /** Every position is below it. */
  positions: number;
  /** Compute attention for whole rows, so that its weights can be put out; else in parts (`attentionParts`). */
  wholeRows?: boolean;
}

/** What one layer gives besides its output. */
export interface LayerTrace {
  /** Keys (rotated) and values of this pass's tokens: [batch, kvHeads, sequence, headDim]. */
  key: Tensor;
  value: Tensor;
  /** [batch, heads, sequence, keys]; undefined if rows were cut into parts. */
  probabilities?: Tensor;
}

export interface LayerOptions {
  /** Place in the stack, which names its cache; by default the model's layer. */
  slot?: number;
  /** Whether gradients will pass through it: what they need is then made on the way forward where that keeps less. */
  walkedBack?: boolean;
}

/** The decoder's layers over given tokens; masks and angles are made once and shared. */
export interface Decoder {
  /** [batch·sequence, hidden] */
  embed(): Tensor;
  /** One layer with the weights of model layer `index`. */
  layer(x: Tensor, index: number, options?: LayerOptions): { y: Tensor; trace: LayerTrace };
  /** The final norm. */
  norm(x: Tensor): Tensor;
  /** [rows, hidden] → [rows, vocab] */
  head(x: Tensor): Tensor;
  /** The head's matrix [vocab, hidden]: the embeddings where they are tied. */
  headWeight(): Tensor;
}

/**
 * A decoder of the Llama kind: pre-norm, RoPE, grouped-query attention, SwiGLU (Touvron et al. 2023), with the families'
 * additions: sliding windows (Mistral), biases (Qwen2), norms of q and k per head before RoPE (Qwen3).
 * Source of the order of operations: transformers modeling_llama.py, modeling_qwen3.py.
 */
export function decoder(
  g: Graph,
  config: ModelConfig,
  weights: Weights,
  size: DecoderSize,
  tokens: TokenInputs,
  past?: PastInputs,
): Decoder {
  const { batch, sequence } = size;
  const { heads, kvHeads, headDim, rmsNormEps } = config;
  const rows = batch * sequence;
  const angles: Angles = g.scope('rope', () =>
    rotaryAngles(g, config, { positions: tokens.positions, batch, sequence, limit: size.positions }),
  );
  const { segments, parents, positions } = tokens;
  const own = { segments, parents, positions, batch, length: sequence };
  const masks = g.scope('mask', () => {
    const ofOwn = attentionMasks(g, own, own);
    const ofPast = past && attentionMasks(g, own, { ...past, batch });
    // All that layers need are made here, so that they stand before the layers also where a layer is emitted twice.
    const widths = size.wholeRows || past ? [sequence] : attentionParts(sequence);
    const windows = new Set(config.windows).add(null);
    const parts = new Map([...windows].map((window) => [window, maskParts(g, ofOwn(window), widths)]));
    for (const window of windows) ofPast?.(window);
    return { own: (window: number | null) => parts.get(window)!, past: ofPast };
  });

  const split = (x: Tensor, count: number) => reshape(g, x, [batch, sequence, count, headDim]);
  /** Linear maps of one x, in the order of `modules`; those with LoRA factors are computed together. */
  const project = (x: Tensor, layer: number, modules: readonly string[]): Tensor[] => {
    const maps = modules.map((module) => {
      const name = layerTensorName(layer, module);
      const bias = weights.find(layerTensorName(layer, module, 'bias'));
      return { name, weight: weights.get(name), bias, lora: weights.lora.get(name) };
    });
    const adapted = maps.flatMap(({ name, weight, bias, lora }) => {
      const [a, b] = lora ? [weights.get(factorName(name, 'a')), weights.get(factorName(name, 'b'))] : [];
      return lora && a && b ? [{ weight, bias, a, b, scale: lora.scale }] : [];
    });
    const ys = adaptedLinears(g, x, adapted).values();
    return maps.map(({ weight, bias, lora }) => (lora ? ys.next().value! : linear(g, x, weight, bias)));
  };
  const norm = (x: Tensor, name: string) => rmsNorm(g, x, weights.get(name), rmsNormEps);

  /** [batch·sequence, hidden] → [batch, heads, sequence, headDim], normed and rotated. */
  const queryOrKey = (projected: Tensor, layer: number, which: 'q' | 'k', count: number) => {
    const parts = split(projected, count);
    const normed = config.qkNorm ? norm(parts, layerTensorName(layer, `self_attn.${which}_norm`)) : parts;
    return rotary(g, transpose(g, normed, [0, 2, 1, 3]), angles);
  };

  const attend = (x: Tensor, layer: number, slot: number) => {
    const projections = ['q', 'k', 'v'].map((which) => `self_attn.${which}_proj`);
    const [queries, keys, values] = project(x, layer, projections) as [Tensor, Tensor, Tensor];
    const q = queryOrKey(queries, layer, 'q', heads);
    const key = queryOrKey(keys, layer, 'k', kvHeads);
    const value = transpose(g, split(values, kvHeads), [0, 2, 1, 3]);
    const window = config.windows[layer] ?? null;
    const own = masks.own(window);
    const { output, probabilities } =
      past && masks.past
        ? cachedAttention(g, q, key, value, past.layers[slot]!, { past: masks.past(window), own: own[0]! })
        : attention(g, q, key, value, own);
    const joined = reshape(g, transpose(g, output, [0, 2, 1, 3]), [rows, heads * headDim]);
    const [y] = project(joined, layer, ['self_attn.o_proj']) as [Tensor];
    return { y, trace: { key, value, probabilities } };
  };

  const feedForward = (x: Tensor, layer: number, walkedBack: boolean) => {
    const [gate, up] = project(x, layer, ['mlp.gate_proj', 'mlp.up_proj']) as [Tensor, Tensor];
    return project(swiglu(g, gate, up, walkedBack), layer, ['mlp.down_proj'])[0]!;
  };

  const embed = () => {
    if (!tokens.ids) throw new Error('a decoder without ids has nothing to embed');
    return embedding(g, weights.get(embeddingName), tokens.ids);
  };
  const headWeight = () => weights.get(config.tied ? embeddingName : headName);
  return {
    embed: () => g.scope('embed', embed),
    layer: (x, index, { slot = index, walkedBack = false } = {}) =>
      g.scope(`layer.${slot}`, () => {
        const { y, trace } = attend(norm(x, layerTensorName(index, 'input_layernorm')), index, slot);
        const middle = add(g, x, y);
        const inner = norm(middle, layerTensorName(index, 'post_attention_layernorm'));
        return { y: add(g, middle, feedForward(inner, index, walkedBack)), trace };
      }),
    norm: (x) => g.scope('norm', () => norm(x, finalNormName)),
    head: (x) => g.scope('head', () => linear(g, x, headWeight())),
    headWeight,
  };
}
