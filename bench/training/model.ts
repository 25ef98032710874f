import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../src/base/files.ts';
import { random } from '../../src/base/random.ts';
import { expectedTensors } from '../../src/model/names.ts';
import { values } from '../../src/model/sources.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import { writeSafetensors } from '../../src/model/writer.ts';

/** Writes a model folder with seeded random weights, unless it is there. */
export async function writeModelFolder(folder: string, config: ModelConfig): Promise<void> {
  if (await exists(join(folder, 'config.json'))) return;
  await mkdir(folder, { recursive: true });
  const sources = expectedTensors(config).map(({ name, shape }) => {
    const generator = random('bench', name);
    const length = shape.reduce((a, b) => a * b, 1);
    const value = name.endsWith('norm.weight') ? () => 1 : () => 0.02 * generator.normal();
    return values(name, shape, 'F32', Float32Array.from({ length }, value));
  });
  await writeSafetensors(join(folder, 'model.safetensors'), sources);
  await writeFile(join(folder, 'config.json'), JSON.stringify(configJson(config)));
}

/** config.json of a model of these sizes. */
export function configJson(config: ModelConfig): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tied,
    hidden_act: 'silu',
    bos_token_id: 1,
    eos_token_id: 2,
    torch_dtype: 'float32',
  };
}
