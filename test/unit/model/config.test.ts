import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Failure } from '../../../src/base/problem.ts';
import { parseConfig, withDtype, withStack } from '../../../src/model/config.ts';
import { expectedTensors, isHead, isLinearWeight, isNorm, roleOf } from '../../../src/model/names.ts';

const small = {
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  vocab_size: 100,
};
const llama = { model_type: 'llama', ...small };
const qwen2 = { model_type: 'qwen2', ...small, num_key_value_heads: 2 };

function code(raw: Record<string, unknown>): string {
  try {
    parseConfig(raw);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assert.match(error.problem.message, /^config\.json: .*\.$/);
    assert.ok(error.problem.remedy);
    return error.problem.code;
  }
  return 'accepted';
}

describe('what a config leaves out is what transformers assumes', () => {
  const cases: [string, Record<string, unknown>, Partial<ReturnType<typeof parseConfig>>][] = [
    ['llama', llama, { kvHeads: 4, headDim: 8, maxPositions: 2048, ropeTheta: 10000, tied: false, eosTokenIds: [2] }],
    [
      'mistral',
      { ...llama, model_type: 'mistral', num_attention_heads: 8 },
      { kvHeads: 8, windows: [4096, 4096, 4096, 4096] },
    ],
    [
      'mistral without a window',
      { ...llama, model_type: 'mistral', num_attention_heads: 8, sliding_window: null },
      { windows: [null, null, null, null] },
    ],
    ['qwen2', qwen2, { bias: { qkv: true, o: false, mlp: false }, qkNorm: false, eosTokenIds: [], headDim: 8 }],
    [
      'qwen3',
      { ...qwen2, model_type: 'qwen3' },
      { headDim: 128, qkNorm: true, bias: { qkv: false, o: false, mlp: false } },
    ],
    ['biases', { ...llama, attention_bias: true, mlp_bias: true }, { bias: { qkv: true, o: true, mlp: true } }],
    ['null as absent', { ...llama, num_key_value_heads: null, head_dim: null }, { kvHeads: 4, headDim: 8 }],
  ];
  for (const [name, raw, expected] of cases)
    test(name, () => {
      const config = parseConfig(raw);
      for (const [key, value] of Object.entries(expected))
        assert.deepEqual(config[key as keyof typeof config], value, key);
    });
});

describe('transformers 4 and 5 spell the same settings differently', () => {
  const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
  const expected = { kind: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 };
  test('rope_theta and rope_scaling', () => {
    const config = parseConfig({
      ...llama,
      rope_theta: 5e5,
      rope_scaling: { rope_type: 'llama3', ...llama3 },
      torch_dtype: 'bfloat16',
    });
    assert.deepEqual([config.ropeTheta, config.ropeScaling, config.dtype], [5e5, expected, 'bfloat16']);
  });
  test('rope_parameters and dtype', () => {
    const rope_parameters = { rope_type: 'llama3', rope_theta: 5e5, ...llama3 };
    const config = parseConfig({ ...llama, rope_parameters, dtype: 'bfloat16' });
    assert.deepEqual([config.ropeTheta, config.ropeScaling, config.dtype], [5e5, expected, 'bfloat16']);
  });
  test('the older `type`', () => {
    assert.deepEqual(parseConfig({ ...llama, rope_scaling: { type: 'linear', factor: 2 } }).ropeScaling, {
      kind: 'linear',
      factor: 2,
    });
  });
  test('one end token or several', () => {
    assert.deepEqual(parseConfig({ ...llama, eos_token_id: [2, 5] }).eosTokenIds, [2, 5]);
    assert.deepEqual(parseConfig({ ...llama, eos_token_id: 7 }).eosTokenIds, [7]);
    assert.deepEqual(parseConfig({ ...llama, eos_token_id: null }).eosTokenIds, []);
  });
});

describe('what is not carried out is refused with a sentence', () => {
  const cases: [string, Record<string, unknown>][] = [
    ['unknown-model-type', { ...llama, model_type: 'gpt2' }],
    ['unknown-model-type', { ...llama, model_type: 'constructor' }],
    ['unknown-model-type', small],
    ['not-available-rope', { ...llama, rope_scaling: { type: 'yarn', factor: 4 } }],
    ['not-available-rope', { ...llama, rope_scaling: { rope_type: 'dynamic', factor: 4 } }],
    ['not-available-rope', { ...llama, rope_parameters: { rope_type: 'longrope' } }],
    ['not-available-rope', { ...llama, partial_rotary_factor: 0.5 }],
    ['not-available-config', { ...llama, hidden_act: 'gelu' }],
    ['not-available-config', { ...llama, quantization_config: { quant_method: 'gptq' } }],
    ['not-available-config', { ...llama, rope_interleaved: true }],
    [
      'not-available-attention',
      { ...qwen2, layer_types: ['linear_attention', 'full_attention', 'full_attention', 'full_attention'] },
    ],
    ['invalid-config-value', { ...llama, hidden_size: 0 }],
    ['invalid-config-value', { ...llama, vocab_size: undefined }],
    ['invalid-config-value', { ...llama, num_hidden_layers: 2.5 }],
    ['invalid-config-value', { ...llama, num_hidden_layers: 100_000_000 }],
    ['invalid-config-value', { ...llama, hidden_size: 30 }],
    ['invalid-config-value', { ...llama, rope_theta: 'large' }],
    ['invalid-config-value', { ...llama, rope_scaling: { rope_type: 'linear' } }],
    ['invalid-config-value', { ...llama, rope_scaling: [] }],
    ['invalid-config-value', { ...qwen2, layer_types: ['full_attention'] }],
    ['invalid-config-value', { ...qwen2, layer_types: Array(4).fill('sliding_attention') }],
    ['invalid-config-heads', { ...llama, num_key_value_heads: 3 }],
    ['invalid-config-heads', { ...llama, head_dim: 7 }],
  ];
  for (const [expected, raw] of cases)
    test(`${expected}: ${JSON.stringify(raw).slice(0, 30)}… ${JSON.stringify(Object.entries(raw).at(-1))}`, () =>
      assert.equal(code(raw), expected));
});

describe('every layer keeps its attention type in another stack', () => {
  const windowed = { ...qwen2, use_sliding_window: true, sliding_window: 16, max_window_layers: 2 };

  test('Qwen: the count of full layers moves with the stack', () => {
    const config = parseConfig(windowed);
    assert.deepEqual(config.windows, [null, null, 16, 16]);
    // A block after layer 1, layer 3 deleted.
    const changed = withStack(config, [null, null, null, 16]);
    assert.deepEqual(changed.windows, [null, null, null, 16]);
    assert.deepEqual([changed.raw['num_hidden_layers'], changed.raw['max_window_layers']], [4, 3]);
  });
  test('Qwen: layer_types are rewritten where the config has them', () => {
    const types = ['full_attention', 'sliding_attention', 'full_attention', 'sliding_attention'];
    const config = parseConfig({ ...windowed, layer_types: types });
    assert.deepEqual(config.windows, [null, 16, null, 16]);
    const changed = withStack(config, [null, 16, 16, null, 16]);
    assert.deepEqual(changed.windows, [null, 16, 16, null, 16]);
    assert.deepEqual(changed.raw['layer_types'], [types[0], types[1], types[1], types[2], types[3]]);
  });
  test('Qwen: a window that is switched off stays so', () => {
    const changed = withStack(parseConfig({ ...windowed, use_sliding_window: false }), [null, null, null, null, null]);
    assert.deepEqual(changed.windows, [null, null, null, null, null]);
    assert.equal(changed.raw['max_window_layers'], 2);
  });
  test('what the family cannot express is an error', () => {
    const invalid = (error: unknown) => error instanceof Failure && error.problem.code === 'invalid-stack';
    assert.throws(() => withStack(parseConfig(windowed), [16, null, null]), invalid);
    const mistral = parseConfig({ ...llama, model_type: 'mistral', num_attention_heads: 8, sliding_window: 8 });
    assert.throws(() => withStack(mistral, [8, null]), invalid);
    assert.deepEqual(withStack(mistral, [8, 8]).windows, [8, 8]);
  });
});

test('a dtype is written under the key that the config had', () => {
  assert.equal(withDtype(parseConfig({ ...llama, torch_dtype: 'float32' }), 'bfloat16').raw['torch_dtype'], 'bfloat16');
  const five = withDtype(parseConfig({ ...llama, dtype: 'float32' }), 'bfloat16').raw;
  assert.deepEqual([five['dtype'], 'torch_dtype' in five], ['bfloat16', false]);
});

test('names and roles of tensors', () => {
  assert.deepEqual(roleOf('model.layers.12.self_attn.q_proj.bias'), {
    kind: 'layer',
    layer: 12,
    module: 'self_attn.q_proj',
    part: 'bias',
  });
  assert.equal(roleOf('model.layers.01.self_attn.q_proj.weight'), undefined);
  assert.deepEqual(roleOf('lm_head.weight'), { kind: 'head' });
  assert.ok(isNorm('model.layers.0.self_attn.q_norm.weight') && isNorm('model.norm.weight'));
  assert.ok(!isNorm('model.layers.0.mlp.up_proj.weight') && isLinearWeight('model.layers.0.mlp.up_proj.weight'));
  assert.ok(
    isHead('model.embed_tokens.weight', { tied: true }) && !isHead('model.embed_tokens.weight', { tied: false }),
  );
});

test('tensors that a config implies', () => {
  const names = expectedTensors(parseConfig({ ...qwen2, num_hidden_layers: 1, tie_word_embeddings: true })).map(
    (t) => `${t.name} ${t.shape}`,
  );
  assert.deepEqual(names, [
    'model.embed_tokens.weight 100,32',
    'model.layers.0.input_layernorm.weight 32',
    'model.layers.0.self_attn.q_proj.weight 32,32',
    'model.layers.0.self_attn.q_proj.bias 32',
    'model.layers.0.self_attn.k_proj.weight 16,32',
    'model.layers.0.self_attn.k_proj.bias 16',
    'model.layers.0.self_attn.v_proj.weight 16,32',
    'model.layers.0.self_attn.v_proj.bias 16',
    'model.layers.0.self_attn.o_proj.weight 32,32',
    'model.layers.0.post_attention_layernorm.weight 32',
    'model.layers.0.mlp.gate_proj.weight 64,32',
    'model.layers.0.mlp.up_proj.weight 64,32',
    'model.layers.0.mlp.down_proj.weight 32,64',
    'model.norm.weight 32',
  ]);
});
