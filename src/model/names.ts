import type { ModelConfig } from './types.ts';

/** Linear modules of one decoder layer, in the order of the forward pass. */
export const linearModules = [
  'self_attn.q_proj',
  'self_attn.k_proj',
  'self_attn.v_proj',
  'self_attn.o_proj',
  'mlp.gate_proj',
  'mlp.up_proj',
  'mlp.down_proj',
] as const;
export type LinearModule = (typeof linearModules)[number];

/** The two modules that write into the residual stream: zero in both makes a layer x → x. */
export const outputModules: readonly string[] = ['self_attn.o_proj', 'mlp.down_proj'];

export const embeddingName = 'model.embed_tokens.weight';
export const finalNormName = 'model.norm.weight';
export const headName = 'lm_head.weight';

/** What a tensor name means. `module` is e.g. `self_attn.q_proj`, `input_layernorm`; `part` weight or bias. */
export type TensorRole =
  | { kind: 'embeddings' | 'head' | 'final_norm' }
  | { kind: 'layer'; layer: number; module: string; part: 'weight' | 'bias' };

/** The role of a tensor in a decoder, or undefined for a name that no family here has. */
export function roleOf(name: string): TensorRole | undefined {
  if (name === embeddingName) return { kind: 'embeddings' };
  if (name === finalNormName) return { kind: 'final_norm' };
  if (name === headName) return { kind: 'head' };
  const match = /^model\.layers\.(0|[1-9]\d*)\.(.+)\.(weight|bias)$/.exec(name);
  if (!match) return undefined;
  return { kind: 'layer', layer: Number(match[1]), module: match[2]!, part: match[3] as 'weight' | 'bias' };
}

export function layerTensorName(layer: number, module: string, part: 'weight' | 'bias' = 'weight'): string {
  return `model.layers.${layer}.${module}.${part}`;
}

/** RMSNorm weights: of the layers, of q and k (Qwen3), and the final one. */
export function isNorm(name: string): boolean {
  const role = roleOf(name);
  return role?.kind === 'final_norm' || (role?.kind === 'layer' && /norm$/.test(role.module));
}
export function isEmbedding(name: string): boolean {
  return name === embeddingName;
}
/** The output head. Tied models have none of their own: their head is the embedding. */
export function isHead(name: string, config: Pick<ModelConfig, 'tied'>): boolean {
  return name === (config.tied ? embeddingName : headName);
}
export function isLinearWeight(name: string): boolean {
  const role = roleOf(name);
  return role?.kind === 'layer' && role.part === 'weight' && (linearModules as readonly string[]).includes(role.module);
}

/** One tensor that a model of this config has. */
export interface ExpectedTensor {
  name: string;
  shape: number[];
  /** Undefined outside the layers. */
  layer?: number;
}

/** Tensors of one layer, in the order of the forward pass: `[module, part, shape]`. Linear weights are [out, in]. */
export function layerTensors(config: ModelConfig): { module: string; part: 'weight' | 'bias'; shape: number[] }[] {
  const { hiddenSize: h, intermediateSize: f, headDim, heads, kvHeads, bias } = config;
  const linear = (module: string, out: number, input: number, biased: boolean) => [
    { module, part: 'weight' as const, shape: [out, input] },
    ...(biased ? [{ module, part: 'bias' as const, shape: [out] }] : []),
  ];
  const norm = (module: string, width: number) => [{ module, part: 'weight' as const, shape: [width] }];
  return [
    ...norm('input_layernorm', h),
    ...linear('self_attn.q_proj', heads * headDim, h, bias.qkv),
    ...linear('self_attn.k_proj', kvHeads * headDim, h, bias.qkv),
    ...linear('self_attn.v_proj', kvHeads * headDim, h, bias.qkv),
    ...linear('self_attn.o_proj', h, heads * headDim, bias.o),
    ...(config.qkNorm ? [...norm('self_attn.q_norm', headDim), ...norm('self_attn.k_norm', headDim)] : []),
    ...norm('post_attention_layernorm', h),
    ...linear('mlp.gate_proj', f, h, bias.mlp),
    ...linear('mlp.up_proj', f, h, bias.mlp),
    ...linear('mlp.down_proj', h, f, bias.mlp),
  ];
}

/** Every tensor of a model with this config, in model order: embeddings, layers, final norm, head (unless tied). */
export function expectedTensors(config: ModelConfig): ExpectedTensor[] {
  const perLayer = layerTensors(config);
  return [
    { name: embeddingName, shape: [config.vocabSize, config.hiddenSize] },
    ...Array.from({ length: config.layers }, (_, layer) =>
      perLayer.map(({ module, part, shape }) => ({ name: layerTensorName(layer, module, part), shape, layer })),
    ).flat(),
    { name: finalNormName, shape: [config.hiddenSize] },
    ...(config.tied ? [] : [{ name: headName, shape: [config.vocabSize, config.hiddenSize] }]),
  ];
}
