import { fail } from '../base/problem.ts';
import { shown } from '../base/shown.ts';
import type { RawConfig } from './families.ts';
import type { RopeScaling } from './types.ts';

type RopeFields = Record<string, unknown>;

/** The kinds of rotary embedding that are carried out, by `rope_type`. Source: transformers `modeling_rope_utils.py`. */
const ropeKinds: Record<string, (number: (key: string) => number) => RopeScaling> = {
  default: () => ({ kind: 'default' }),
  linear: (number) => ({ kind: 'linear', factor: number('factor') }),
  llama3: (number) => ({
    kind: 'llama3',
    factor: number('factor'),
    lowFreqFactor: number('low_freq_factor'),
    highFreqFactor: number('high_freq_factor'),
    originalMaxPositions: number('original_max_position_embeddings'),
  }),
};

/**
 * Base and scaling of RoPE. transformers 5 writes `rope_parameters {rope_type, rope_theta, …}`; transformers 4 `rope_theta`
 * and `rope_scaling`, whose `type` is the older spelling of `rope_type`.
 */
export function parseRope(raw: RawConfig, place: string): { theta: number; scaling: RopeScaling } {
  const fields = ropeFields(raw, place);
  const kind = fields['rope_type'] ?? fields['type'] ?? 'default';
  const read = typeof kind === 'string' && Object.hasOwn(ropeKinds, kind) ? ropeKinds[kind] : undefined;
  if (!read)
    return fail('not-available-rope', `${place}: RoPE scaling of type ${shown(kind)} is not carried out.`, {
      place,
      remedy: `Supported types are ${Object.keys(ropeKinds).join(', ')}; for short texts a model can often be used with the scaling removed from config.json.`,
    });
  for (const key of ['partial_rotary_factor'] as const)
    for (const value of [fields[key], raw[key]])
      if (value !== undefined && value !== null && value !== 1)
        fail(
          'not-available-rope',
          `${place}: ${key} ${shown(value)} (rotating a part of each head) is not carried out.`,
          {
            place,
            remedy: 'Use a model that rotates whole heads.',
          },
        );
  const number = (key: string): number => {
    const value = fields[key];
    if (typeof value === 'number' && value > 0) return value;
    return fail('invalid-config-value', `${place}: RoPE of type ${kind} needs a number above 0 as ${key}.`, {
      place,
      remedy: 'Correct config.json, or fetch it again.',
    });
  };
  const theta = fields['rope_theta'] ?? raw['rope_theta'] ?? 10000;
  if (typeof theta !== 'number' || !(theta > 0))
    return fail('invalid-config-value', `${place}: rope_theta is ${shown(theta)}, not a number above 0.`, {
      place,
      remedy: 'Correct config.json, or fetch it again.',
    });
  return { theta, scaling: read(number) };
}

function ropeFields(raw: RawConfig, place: string): RopeFields {
  const fields = raw['rope_parameters'] ?? raw['rope_scaling'] ?? {};
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    return fail('invalid-config-value', `${place}: rope_parameters or rope_scaling is not an object.`, {
      place,
      remedy: 'Correct config.json, or fetch it again.',
    });
  return fields as RopeFields;
}
