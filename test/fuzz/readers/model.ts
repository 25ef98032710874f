import { join } from 'node:path';
import { loadState, saveState } from '../../../src/engine/checkpoint.ts';
import type { Parameter, Slot } from '../../../src/engine/memory.ts';
import { adapterConfigName, adapterWeightsName, factorName, readAdapter } from '../../../src/model/adapter.ts';
import { parseConfig } from '../../../src/model/config.ts';
import { expectedTensors } from '../../../src/model/names.ts';
import { openModel } from '../../../src/model/open.ts';
import { readObject } from '../../../src/model/read-object.ts';
import { readHeader, readTensor } from '../../../src/model/safetensors.ts';
import { readShards } from '../../../src/model/shards.ts';
import { stored, values } from '../../../src/model/sources.ts';
import type { Dtype } from '../../../src/model/types.ts';
import { writeSafetensors } from '../../../src/model/writer.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import { type Reader, writeAll } from '../reader.ts';

const tiny = { layers: 2, hidden: 8 };
const counting = (n: number) => Float32Array.from({ length: n }, (_, i) => i / 8);

const safetensors: Reader = {
  name: 'safetensors',
  async seed(folder) {
    const dtypes: Dtype[] = ['F64', 'F32', 'BF16', 'F16'];
    await writeSafetensors(
      join(folder, 'x.safetensors'),
      dtypes.map((dtype, i) => values(`tensor.${i}.weight`, [2, 3], dtype, counting(6))),
      { metadata: { format: 'pt', step: '12' } },
    );
  },
  targets: [{ file: 'x.safetensors', format: 'safetensors' }],
  async read(folder) {
    const { tensors } = await readHeader(join(folder, 'x.safetensors'));
    for (const ref of tensors) await readTensor(ref);
  },
};

const index: Reader = {
  name: 'index',
  async seed(folder) {
    const names = ['a.weight', 'b.weight', 'c.weight'];
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    await writeSafetensors(join(folder, shards[0]!), [values(names[0]!, [2], 'F32', counting(2))]);
    const others = names.slice(1).map((name) => values(name, [2], 'F32', counting(2)));
    await writeSafetensors(join(folder, shards[1]!), others);
    const map = Object.fromEntries(names.map((name, i) => [name, shards[Math.min(i, 1)]]));
    await writeAll(folder, {
      'model.safetensors.index.json': { metadata: { total_size: 24 }, weight_map: map },
    });
  },
  targets: [{ file: 'model.safetensors.index.json', format: 'json' }],
  read: readShards,
};

/** Settings of the families that the tiny Llama does not have. */
const otherConfigs = {
  'qwen3.json': {
    model_type: 'qwen3',
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 4,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 4,
    vocab_size: 32,
    max_position_embeddings: 64,
    use_sliding_window: true,
    sliding_window: 16,
    max_window_layers: 2,
    layer_types: ['full_attention', 'full_attention', 'sliding_attention', 'sliding_attention'],
    rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 10000 },
    eos_token_id: [1, 2],
  },
  'mistral.json': {
    model_type: 'mistral',
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    vocab_size: 32,
    sliding_window: 16,
    rope_scaling: {
      type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    },
  },
};

const config: Reader = {
  name: 'config',
  async seed(folder) {
    await writeTinyModel(join(folder, 'base'), tiny);
    await writeAll(folder, otherConfigs);
  },
  targets: [
    { file: 'base/config.json', format: 'json' },
    ...Object.keys(otherConfigs).map((file) => ({ file, format: 'json' as const })),
  ],
  async read(folder) {
    await openModel(join(folder, 'base'));
    for (const name of Object.keys(otherConfigs)) {
      // As `openModel` reads it, without weights beside it.
      const place = join(folder, name);
      expectedTensors(parseConfig(await readObject(place), place));
    }
  },
};

/** A folder laid over a model: one layer inserted, the others the base's. */
const overlay: Reader = {
  name: 'overlay',
  async seed(folder) {
    const base = join(folder, 'base');
    const run = join(folder, 'run/model');
    await writeTinyModel(base, tiny);
    const model = await openModel(base);
    const raw = { ...model.config.raw, num_hidden_layers: 3 };
    const map: Record<string, string> = {};
    const inserted: string[] = [];
    for (const { name } of expectedTensors(parseConfig(raw))) {
      const layer = Number(/layers\.(\d+)\./.exec(name)?.[1] ?? -1);
      if (layer === 1) inserted.push(name);
      else map[name] = name.replace(/layers\.2\./, 'layers.1.');
    }
    const layers = [
      { kind: 'kept', base: 0, label: '0' },
      { kind: 'new', after: 0, label: '0+' },
      { kind: 'kept', base: 1, label: '1' },
    ];
    await writeAll(run, {
      'config.json': raw,
      'strata.json': { strata: 1, base: { folder: base, hash: 'a'.repeat(64) }, layers, map },
    });
    await writeSafetensors(
      join(run, 'trained.safetensors'),
      inserted.map((name) => stored({ ...model.tensors.get(name)!, name })),
    );
  },
  targets: [
    { file: 'run/model/strata.json', format: 'json' },
    { file: 'run/model/config.json', format: 'json' },
    { file: 'run/model/trained.safetensors', format: 'safetensors' },
  ],
  read: (folder) => openModel(join(folder, 'run')),
};

const adapter: Reader = {
  name: 'adapter',
  async seed(folder) {
    await writeTinyModel(join(folder, 'base'), tiny);
    const { tensors } = await openModel(join(folder, 'base'));
    const adapted = ['q_proj', 'v_proj'].map((m) => `model.layers.0.self_attn.${m}.weight`);
    await writeSafetensors(
      join(folder, adapterWeightsName),
      adapted.flatMap((weight) => {
        const [out = 0, input = 0] = tensors.get(weight)!.shape;
        return [
          values(factorName(weight, 'a'), [2, input], 'F32', counting(2 * input)),
          values(factorName(weight, 'b'), [out, 2], 'F32', counting(2 * out)),
        ];
      }),
    );
    await writeAll(folder, {
      [adapterConfigName]: {
        peft_type: 'LORA',
        task_type: 'CAUSAL_LM',
        base_model_name_or_path: 'base',
        r: 2,
        lora_alpha: 4,
        lora_dropout: 0,
        bias: 'none',
        target_modules: ['q_proj', 'v_proj'],
        rank_pattern: {},
        use_rslora: false,
        init_lora_weights: true,
      },
    });
  },
  targets: [
    { file: adapterConfigName, format: 'json' },
    { file: adapterWeightsName, format: 'safetensors' },
  ],
  async read(folder) {
    const { tensors } = await openModel(join(folder, 'base'));
    const { modules } = await readAdapter(folder, tensors);
    for (const { a, b } of modules) await Promise.all([readTensor(a), readTensor(b)]);
  },
};

/** What a trainer of two small parameters keeps. */
function parameters(): Parameter[] {
  const slots: Slot[] = ['value', 'first', 'second', 'gradient', 'partial'];
  return ['a', 'b'].map((name) => ({
    name,
    shape: [2, 3],
    arrays: Object.fromEntries(slots.map((slot) => [slot, counting(6)])) as Record<Slot, Float32Array>,
    sumOfSquares: () => 0,
    addPartial() {},
    adamw() {},
  }));
}

const checkpoint: Reader = {
  name: 'checkpoint',
  seed: (folder) => saveState(join(folder, 'step-12'), parameters(), 12),
  targets: [{ file: 'step-12', format: 'safetensors' }],
  read: (folder) => loadState(join(folder, 'step-12'), parameters()),
};

export const modelReaders = [safetensors, index, config, overlay, adapter, checkpoint];
