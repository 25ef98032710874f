import { fail } from '../base/problem.ts';
import { dtypes } from './dtypes.ts';
import { expectedTensors, headName } from './names.ts';
import type { ModelConfig, TensorRef } from './types.ts';

/** Tensors in old checkpoints that transformers ignores, too: they are computed, not learnt. */
const computed = /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/;

/**
 * The stored tensors in model order, each with the shape that the config demands. A head stored beside tied embeddings is
 * left out: tying replaces it. Fails with `invalid-model-missing`, `-shape`, `-dtype` or `-extra`.
 */
export function matchTensors(
  config: ModelConfig,
  stored: ReadonlyMap<string, TensorRef>,
  place: string,
): Map<string, TensorRef> {
  const matched = new Map<string, TensorRef>();
  const missing: string[] = [];
  for (const { name, shape } of expectedTensors(config)) {
    const ref = stored.get(name);
    if (!ref) {
      missing.push(name);
      continue;
    }
    if (ref.shape.length !== shape.length || ref.shape.some((n, i) => n !== shape[i]))
      fail(
        'invalid-model-shape',
        `${place}: ${name} has the shape [${ref.shape.join(', ')}], config.json implies [${shape.join(', ')}].`,
        {
          place,
          remedy: 'Weights and config.json come from different models: fetch both again.',
        },
      );
    if (!dtypes[ref.dtype].float)
      fail('invalid-model-dtype', `${place}: ${name} is stored as ${ref.dtype}, which are not weights but codes.`, {
        place,
        remedy: 'Use the unquantised checkpoint (float32, bfloat16 or float16).',
      });
    matched.set(name, ref);
  }
  if (missing.length > 0)
    fail(
      'invalid-model-missing',
      `${place}: ${list(missing)} ${missing.length === 1 ? 'is' : 'are'} missing for a ${config.family} model with ${config.layers} layers.`,
      {
        place,
        remedy: 'Weights and config.json come from different models, or files are missing: fetch the checkpoint again.',
      },
    );
  const extra = [...stored.keys()].filter(
    (name) => !matched.has(name) && !computed.test(name) && !(config.tied && name === headName),
  );
  if (extra.length > 0)
    fail(
      'invalid-model-extra',
      `${place}: ${list(extra)} ${extra.length === 1 ? 'has' : 'have'} no place in a ${config.family} model with ${config.layers} layers.`,
      {
        place,
        remedy: 'Check num_hidden_layers, attention_bias and model_type in config.json.',
      },
    );
  return matched;
}

function list(names: readonly string[]): string {
  const more = names.length - 2;
  return more > 0 ? `${names.slice(0, 2).join(', ')} and ${more} more tensors` : names.join(' and ');
}
