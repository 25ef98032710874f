import { fail } from '../base/problem.ts';
import { shown } from '../base/shown.ts';
import type { FamilyName, ModelConfig } from './types.ts';

export type RawConfig = Record<string, unknown>;
/** A layer's sliding window, or null for full attention. */
export type Windows = (number | null)[];

/** Everything that distinguishes one family of decoders from another. Sources: transformers `configuration_*.py`, `modeling_*.py`. */
export interface Family {
  name: FamilyName;
  /** Values that transformers uses where config.json is silent. */
  defaults: {
    kvHeads: number | 'heads';
    headDim: number | 'hidden / heads';
    maxPositions: number;
    bosTokenId?: number;
    eosTokenId?: number;
  };
  bias(raw: RawConfig): ModelConfig['bias'];
  qkNorm: boolean;
  /** Attention type per layer. */
  windows(raw: RawConfig, layers: number, place: string): Windows;
  /** Keys of config.json that say how many layers there are and what attention each has, for another stack. */
  stackKeys(raw: RawConfig, windows: Windows): RawConfig;
}

const flag = (raw: RawConfig, key: string) => raw[key] === true;
const allLinear = (biased: boolean) => ({ qkv: biased, o: biased, mlp: false });

/** Sliding window as a number of positions, or null when the config has none. */
function windowSize(raw: RawConfig, fallback: number | null, place: string): number | null {
  const size = raw['sliding_window'] === undefined ? fallback : raw['sliding_window'];
  if (size === null) return null;
  if (typeof size === 'number' && Number.isInteger(size) && size > 0) return size;
  return fail('invalid-config-value', `${place}: sliding_window is ${shown(size)}, not a number of positions.`, {
    place,
    remedy: 'Correct config.json, or fetch it again.',
  });
}

const layerTypes = { sliding_attention: 'sliding', full_attention: 'full' } as const;

/** `layer_types` of transformers 4.53 and newer, checked; undefined when the config has none. */
function explicitTypes(raw: RawConfig, layers: number, place: string): ('sliding' | 'full')[] | undefined {
  const types = raw['layer_types'];
  if (types === undefined || types === null) return undefined;
  if (!Array.isArray(types) || types.length !== layers)
    return fail('invalid-config-value', `${place}: layer_types does not have one entry for each of ${layers} layers.`, {
      place,
      remedy: 'Make layer_types and num_hidden_layers agree.',
    });
  return types.map((type: unknown) => {
    if (type === 'sliding_attention' || type === 'full_attention') return layerTypes[type];
    return fail('not-available-attention', `${place}: attention of type ${shown(type)} is not carried out.`, {
      place,
      remedy: 'Use a model whose layers have full or sliding-window attention.',
    });
  });
}

/** `layer_types` for another stack, only where the config had the key. */
function layerTypeKeys(raw: RawConfig, windows: Windows): RawConfig {
  if (!Array.isArray(raw['layer_types'])) return {};
  return { layer_types: windows.map((w) => (w === null ? 'full_attention' : 'sliding_attention')) };
}

/** Families whose layers all have the same attention. */
const uniform: Pick<Family, 'stackKeys'> = {
  stackKeys(raw, windows) {
    if (new Set(windows).size > 1)
      fail('invalid-stack', `A ${raw['model_type']} config cannot express layers of different attention types.`, {
        remedy: 'Prune or expand so that all layers keep one attention type.',
      });
    return layerTypeKeys(raw, windows);
  },
};

/** Qwen2 and Qwen3: full attention below `max_window_layers`, a sliding window from there on, if it is switched on at all. */
const switched: Pick<Family, 'windows' | 'stackKeys'> = {
  windows(raw, layers, place) {
    const size = flag(raw, 'use_sliding_window') ? windowSize(raw, 4096, place) : null;
    const types = explicitTypes(raw, layers, place);
    if (types) {
      if (size === null && types.includes('sliding'))
        fail(
          'invalid-config-value',
          `${place}: layer_types asks for a sliding window that use_sliding_window denies.`,
          {
            place,
            remedy: 'Set use_sliding_window and sliding_window, or make every layer full_attention.',
          },
        );
      return types.map((type) => (type === 'sliding' ? size : null));
    }
    const first = typeof raw['max_window_layers'] === 'number' ? raw['max_window_layers'] : 28;
    return Array.from({ length: layers }, (_, i) => (size !== null && i >= first ? size : null));
  },
  stackKeys(raw, windows) {
    if (!flag(raw, 'use_sliding_window') || raw['sliding_window'] === null) return layerTypeKeys(raw, windows);
    const full = windows.filter((w) => w === null).length;
    const ordered = windows.slice(0, full).every((w) => w === null);
    if (!ordered && !Array.isArray(raw['layer_types']))
      fail('invalid-stack', 'max_window_layers cannot express full attention above layers with a sliding window.', {
        remedy: 'Write the attention types into layer_types of the base config (transformers 4.53 or newer reads it).',
      });
    return { max_window_layers: full, ...layerTypeKeys(raw, windows) };
  },
};

/** The families that are carried out, by `model_type`. To add one: a row here, its name in `FamilyName`, reference values. */
export const families: Record<FamilyName, Family> = {
  llama: {
    name: 'llama',
    defaults: { kvHeads: 'heads', headDim: 'hidden / heads', maxPositions: 2048, bosTokenId: 1, eosTokenId: 2 },
    bias: (raw) => ({ ...allLinear(flag(raw, 'attention_bias')), mlp: flag(raw, 'mlp_bias') }),
    qkNorm: false,
    windows: (_raw, layers) => new Array<null>(layers).fill(null),
    ...uniform,
  },
  mistral: {
    name: 'mistral',
    defaults: { kvHeads: 8, headDim: 'hidden / heads', maxPositions: 131072, bosTokenId: 1, eosTokenId: 2 },
    bias: () => allLinear(false),
    qkNorm: false,
    windows(raw, layers, place) {
      const size = windowSize(raw, 4096, place);
      const wanted = size === null ? 'full' : 'sliding';
      if (explicitTypes(raw, layers, place)?.some((type) => type !== wanted))
        fail(
          'not-available-attention',
          `${place}: a Mistral model with different attention types is not carried out.`,
          {
            place,
            remedy: 'Use a model whose layers all have the same attention.',
          },
        );
      return new Array<number | null>(layers).fill(size);
    },
    ...uniform,
  },
  qwen2: {
    name: 'qwen2',
    defaults: { kvHeads: 32, headDim: 'hidden / heads', maxPositions: 32768 },
    bias: () => ({ qkv: true, o: false, mlp: false }),
    qkNorm: false,
    ...switched,
  },
  qwen3: {
    name: 'qwen3',
    defaults: { kvHeads: 32, headDim: 128, maxPositions: 32768 },
    bias: (raw) => allLinear(flag(raw, 'attention_bias')),
    qkNorm: true,
    ...switched,
  },
};
