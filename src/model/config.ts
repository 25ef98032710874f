import { fail } from '../base/problem.ts';
import { shown } from '../base/shown.ts';
import { families, type RawConfig, type Windows } from './families.ts';
import { parseRope } from './rope.ts';
import type { FamilyName, ModelConfig } from './types.ts';

/** Settings that change the arithmetic and that no family here carries out: `[key, value that changes nothing]`. */
const unsupported: { key: string; harmless: readonly unknown[]; what: string }[] = [
  { key: 'hidden_act', harmless: ['silu', 'swish'], what: 'activation' },
  { key: 'quantization_config', harmless: [], what: 'quantisation' },
  { key: 'rope_interleaved', harmless: [false], what: 'interleaved RoPE' },
  { key: 'is_encoder_decoder', harmless: [false], what: 'encoder-decoder layout' },
  { key: 'add_cross_attention', harmless: [false], what: 'cross-attention' },
];

/** More than any model has: names of all tensors are held in memory. */
const mostLayers = 10_000;

/**
 * Reads a config.json of any supported family, as transformers 4 or 5 wrote it. `place` names it in messages.
 * Fails with `unknown-model-type`, `not-available-…` (a setting that is not carried out) or `invalid-config-…`.
 */
export function parseConfig(raw: RawConfig, place = 'config.json'): ModelConfig {
  const type = raw['model_type'];
  if (typeof type !== 'string' || !Object.hasOwn(families, type))
    return fail('unknown-model-type', `${place}: model_type ${shown(type)} is not supported.`, {
      place,
      remedy: `Supported are ${Object.keys(families).join(', ')} (and models with the same layers, converted to one of them).`,
    });
  const family = families[type as FamilyName];
  for (const { key, harmless, what } of unsupported) {
    const value = raw[key];
    if (value !== undefined && value !== null && !harmless.includes(value))
      fail('not-available-config', `${place}: ${what} (${key}: ${short(value)}) is not carried out.`, {
        place,
        remedy: harmless.length > 0 ? `Supported is ${key}: ${harmless[0]}.` : 'Use the unquantised checkpoint.',
      });
  }
  const count = (key: string, fallback?: number, most = Number.POSITIVE_INFINITY): number => {
    const value = raw[key] ?? fallback;
    const whole = typeof value === 'number' && Number.isInteger(value) && value > 0;
    if (whole && value <= most) return value;
    const wanted = whole ? `${most} or less` : 'a whole number above 0';
    return fail('invalid-config-value', `${place}: ${key} is ${short(value)}, not ${wanted}.`, {
      place,
      remedy: 'Correct config.json, or fetch it again.',
    });
  };
  const real = (key: string, fallback: number): number => {
    const value = raw[key] ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
    return fail('invalid-config-value', `${place}: ${key} is ${short(value)}, not a number.`, {
      place,
      remedy: 'Correct config.json, or fetch it again.',
    });
  };
  const { defaults } = family;
  const hiddenSize = count('hidden_size');
  const heads = count('num_attention_heads');
  const layers = count('num_hidden_layers', undefined, mostLayers);
  const kvHeads = count('num_key_value_heads', defaults.kvHeads === 'heads' ? heads : defaults.kvHeads);
  const headDim = count('head_dim', defaults.headDim === 'hidden / heads' ? hiddenSize / heads : defaults.headDim);
  if (heads % kvHeads !== 0)
    fail('invalid-config-heads', `${place}: ${heads} heads cannot share ${kvHeads} key-value heads evenly.`, {
      place,
      remedy: 'Make num_attention_heads a multiple of num_key_value_heads.',
    });
  if (headDim % 2 !== 0)
    fail('invalid-config-heads', `${place}: a head of ${headDim} values cannot be rotated in pairs.`, {
      place,
      remedy: 'head_dim must be even.',
    });
  const rope = parseRope(raw, place);
  const dtype = raw['dtype'] ?? raw['torch_dtype'];
  return {
    family: family.name,
    vocabSize: count('vocab_size'),
    hiddenSize,
    intermediateSize: count('intermediate_size'),
    layers,
    heads,
    kvHeads,
    headDim,
    maxPositions: count('max_position_embeddings', defaults.maxPositions),
    rmsNormEps: real('rms_norm_eps', 1e-6),
    initializerRange: real('initializer_range', 0.02),
    ropeTheta: rope.theta,
    ropeScaling: rope.scaling,
    tied: raw['tie_word_embeddings'] === true,
    bias: family.bias(raw),
    qkNorm: family.qkNorm,
    windows: family.windows(raw, layers, place),
    ...tokenIds(raw, defaults),
    ...(typeof dtype === 'string' ? { dtype } : {}),
    raw,
  };
}

function tokenIds(raw: RawConfig, defaults: { bosTokenId?: number; eosTokenId?: number }) {
  const bos = raw['bos_token_id'] === undefined ? defaults.bosTokenId : raw['bos_token_id'];
  const eos = raw['eos_token_id'] === undefined ? defaults.eosTokenId : raw['eos_token_id'];
  return {
    ...(typeof bos === 'number' ? { bosTokenId: bos } : {}),
    eosTokenIds: (Array.isArray(eos) ? eos : [eos]).filter((id): id is number => typeof id === 'number'),
  };
}

/** The config of a stack with these attention types, all else as in `config`; `raw` is what its config.json holds. */
export function withStack(config: ModelConfig, windows: Windows): ModelConfig {
  const raw = {
    ...config.raw,
    num_hidden_layers: windows.length,
    ...families[config.family].stackKeys(config.raw, windows),
  };
  return parseConfig(raw, 'the resulting config.json');
}

/** The config with another dtype named, under the key it had (transformers 4 and 5 spell it differently). */
export function withDtype(config: ModelConfig, dtype: string): ModelConfig {
  const key = 'dtype' in config.raw && !('torch_dtype' in config.raw) ? 'dtype' : 'torch_dtype';
  const { dtype: _5, torch_dtype: _4, ...rest } = config.raw;
  return { ...config, dtype, raw: { ...rest, [key]: dtype } };
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
