import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { random } from '../src/base/random.ts';

/** The 256 characters that byte-level BPE writes bytes as (GPT-2's table). */
function byteCharacters(): string[] {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++));
}

/** A tokenizer of single bytes: `<s>` is 0 and stands in front, `</s>` is 1, byte b is b + 2. */
function byteTokenizer(): object {
  const vocab = Object.fromEntries(['<s>', '</s>', ...byteCharacters()].map((token, id) => [token, id]));
  const special = (content: string, id: number) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special('<s>', 0), special('</s>', 1)],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: [],
    },
  };
}

/** One safetensors file of float32 tensors. */
export function safetensors(tensors: Record<string, { shape: number[]; data: Float32Array }>): Buffer {
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header).padEnd(Math.ceil(JSON.stringify(header).length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const bodies = Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return Buffer.concat([length, text, ...bodies]);
}

export interface TinyOptions {
  layers?: number;
  hidden?: number;
  seed?: number;
  positions?: number;
}

/** Writes a random Llama of a few thousand parameters with a byte tokenizer (vocabulary 258) and a tied head. */
export async function writeTinyModel(folder: string, options: TinyOptions = {}): Promise<string> {
  const { layers = 4, hidden = 16, seed = 1, positions = 128 } = options;
  const intermediate = 2 * hidden;
  const generator = random('tiny-model', seed);
  const normal = (...shape: number[]) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.05 * generator.normal()),
  });
  const ones = (n: number) => ({ shape: [n], data: new Float32Array(n).fill(1) });
  const tensors: Parameters<typeof safetensors>[0] = { 'model.embed_tokens.weight': normal(258, hidden) };
  for (let i = 0; i < layers; i++) {
    const layer = `model.layers.${i}.`;
    tensors[`${layer}input_layernorm.weight`] = ones(hidden);
    tensors[`${layer}self_attn.q_proj.weight`] = normal(hidden, hidden);
    tensors[`${layer}self_attn.k_proj.weight`] = normal(hidden / 2, hidden);
    tensors[`${layer}self_attn.v_proj.weight`] = normal(hidden / 2, hidden);
    tensors[`${layer}self_attn.o_proj.weight`] = normal(hidden, hidden);
    tensors[`${layer}post_attention_layernorm.weight`] = ones(hidden);
    tensors[`${layer}mlp.gate_proj.weight`] = normal(intermediate, hidden);
    tensors[`${layer}mlp.up_proj.weight`] = normal(intermediate, hidden);
    tensors[`${layer}mlp.down_proj.weight`] = normal(hidden, intermediate);
  }
  tensors['model.norm.weight'] = ones(hidden);
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_act: 'silu',
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: 258,
    max_position_embeddings: positions,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    initializer_range: 0.02,
    tie_word_embeddings: true,
    bos_token_id: 0,
    eos_token_id: 1,
    torch_dtype: 'float32',
  };
  await mkdir(folder, { recursive: true });
  const json = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value, null, 2));
  await json('config.json', config);
  await json('tokenizer.json', byteTokenizer());
  await json('tokenizer_config.json', {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<s>',
    eos_token: '</s>',
    clean_up_tokenization_spaces: false,
  });
  await writeFile(join(folder, 'model.safetensors'), safetensors(tensors));
  return folder;
}
