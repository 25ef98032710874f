import { random } from '../../src/base/random.ts';
import { parseConfig } from '../../src/model/config.ts';
import { expectedTensors, isNorm } from '../../src/model/names.ts';
import { bos, eos } from './tokenizer.ts';

/** A small Llama: 8 layers of width 96, tied head; about a million parameters. */
export function modelConfig(vocabSize: number) {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocabSize,
    hidden_size: 96,
    intermediate_size: 256,
    num_hidden_layers: 8,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    head_dim: 24,
    hidden_act: 'silu',
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    initializer_range: 0.02,
    tie_word_embeddings: true,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: bos.id,
    eos_token_id: eos.id,
    torch_dtype: 'float32',
  };
}

/**
 * Weights before any training, as transformers initialises them: normal with `initializer_range`, norms 1. Each tensor is a
 * stream of its own, so the order of the file decides nothing.
 */
export function initialWeights(config: ReturnType<typeof modelConfig>, seed: number) {
  return expectedTensors(parseConfig(config)).map(({ name, shape }) => {
    const draw = random('world', seed, 'weights', name);
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, () =>
      isNorm(name) ? 1 : draw.normal() * config.initializer_range,
    );
    return { name, shape, data };
  });
}
