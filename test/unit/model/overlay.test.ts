import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readJson } from '../../../src/base/files.ts';
import { Failure } from '../../../src/base/problem.ts';
import { loraScale, parseAdapterConfig, readAdapter } from '../../../src/model/adapter.ts';
import { type AdapterValues, targetModules, writeAdapter } from '../../../src/model/adapter-write.ts';
import { encode } from '../../../src/model/dtypes.ts';
import { exportAdapter, exportFolder, surgeryFolder } from '../../../src/model/export.ts';
import { hashModel, hashTensor } from '../../../src/model/hash.ts';
import { openModel } from '../../../src/model/open.ts';
import { writeSurgery, writeTrained } from '../../../src/model/overlay.ts';
import { readBytes, readHeader, readTensor } from '../../../src/model/safetensors.ts';
import { planSurgery } from '../../../src/model/surgery.ts';
import type { Model } from '../../../src/model/types.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';
import { writeTinyModel } from '../../tiny-model.ts';

const root = await temporaryFolder();
const base = await openModel(await writeTinyModel(join(root, 'base'), { layers: 3 }));
const baseHash = await hashModel(base);
let made = 0;
const place = () => join(root, `place-${made++}`);

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.problem.code;
  }
  return 'accepted';
}

/** The same bytes under each name. */
async function sameTensors(a: Model, b: Model): Promise<void> {
  assert.deepEqual([...a.tensors.keys()], [...b.tensors.keys()]);
  for (const [name, ref] of a.tensors)
    assert.equal(await hashTensor(b.tensors.get(name)!), await hashTensor(ref), name);
}

const q = (layer: number) => `model.layers.${layer}.self_attn.q_proj.weight`;
const up = (layer: number) => `model.layers.${layer}.mlp.up_proj.weight`;

function adapter(weights: string[], rank = 2, alpha = 6, rslora = false): AdapterValues {
  const modules = weights.map((weight, k) => {
    const [out, input] = base.tensors.get(weight)!.shape as [number, number];
    const numbers = (n: number, f: number) =>
      Float32Array.from({ length: n }, (_, i) => Math.sin(f * (i + 1 + 100 * k)));
    return {
      weight,
      a: { shape: [rank, input], data: numbers(rank * input, 1) },
      b: { shape: [out, rank], data: numbers(out * rank, 2) },
    };
  });
  return { rank, alpha, rslora, modules };
}

describe('an overlay', () => {
  const plan = planSurgery(base.config, base.tensors, {
    expand: { after: [0], init: 'average', identity: true },
    prune: [2],
  });

  test('after surgery holds only what the base lacks, and is the same model as the exported folder', async () => {
    const [start, full] = [place(), place()];
    await writeSurgery(start, base, baseHash, plan);
    await surgeryFolder(base, plan, full);
    const overlay = await openModel(start);
    await sameTensors(await openModel(full), overlay);
    assert.equal(overlay.kind, 'run');
    assert.deepEqual(overlay.layers, plan.layers);
    assert.ok(overlay.changed.every((name) => name.startsWith('model.layers.1.')));
    assert.equal(overlay.changed.length, 9);
    assert.equal(overlay.base!.hash, baseHash);
    assert.equal(overlay.base!.map.get(q(2)), q(1));
    assert.equal(overlay.tokenizerFolder, start);
    const exported = place();
    await exportFolder(overlay, exported);
    await sameTensors(await openModel(exported), overlay);
    assert.ok((await readdir(exported)).includes('tokenizer.json'));
  });

  test("of surgery on a run is what surgery on the exported run gives, and lies over the run's own base", async () => {
    const [start, run, full, exported, again] = [place(), place(), place(), place(), place()];
    await writeSurgery(start, base, baseHash, plan);
    const value = { shape: [16, 16], data: Float32Array.from({ length: 256 }, (_, i) => i / 3) };
    await writeTrained(run, await openModel(start), baseHash, { values: new Map([[q(2), value]]) });
    const model = await openModel(run);
    const further = planSurgery(model.config, model.tensors, {
      expand: { after: [1], init: 'average', identity: true },
      prune: [0],
    });
    await writeSurgery(again, model, await hashModel(model), further);
    const overlay = await openModel(again);
    assert.deepEqual([overlay.base!.folder, overlay.base!.hash], [base.folder, baseHash]);
    assert.equal(overlay.base!.map.get(up(2)), up(1), 'shared with the base of the run');
    assert.ok(overlay.changed.includes(q(2)), 'trained in the run');
    await exportFolder(model, full);
    await surgeryFolder(await openModel(full), further, exported);
    await sameTensors(await openModel(exported), overlay);
  });

  test('of surgery on a run with LoRA factors is refused, because surgery would read its weights without them', async () => {
    const run = place();
    await writeTrained(run, base, baseHash, { adapter: adapter([q(0)]) });
    const model = await openModel(run);
    assert.equal(
      await code(writeSurgery(place(), model, 'x', planSurgery(model.config, model.tensors, {}))),
      'usage-unmerged',
    );
  });

  test('after training holds new values, rounded once to the stored dtype, and what surgery made', async () => {
    const start = place();
    await writeSurgery(start, base, baseHash, plan);
    const opened = await openModel(start);
    const value = { shape: [16, 16], data: Float32Array.from({ length: 256 }, (_, i) => i / 3) };
    const end = place();
    await writeTrained(end, opened, baseHash, { values: new Map([[q(1), value], [q(2), value]]) }); // biome-ignore format: short
    const trained = await openModel(end);
    assert.deepEqual(await readTensor(trained.tensors.get(q(1))!), value.data);
    assert.deepEqual(trained.changed, [...opened.changed, q(2)]);
    assert.deepEqual(await readBytes(trained.tensors.get(up(1))!), await readBytes(opened.tensors.get(up(1))!));
    // Nothing of it lies in the folder of the start, which may be removed.
    await rename(start, place());
    assert.equal((await readTensor(trained.tensors.get(up(1))!)).length, 512);
    assert.notEqual(await hashModel(trained), await hashModel(base));
  });

  test('trained values of a bfloat16 model become bfloat16', async () => {
    const folder = place();
    await exportFolder(base, folder, { dtype: 'BF16' });
    const half = await openModel(folder);
    assert.equal(half.config.raw['torch_dtype'], 'bfloat16');
    const data = Float32Array.from({ length: 256 }, (_, i) => 1 + i / 7);
    const end = place();
    await writeTrained(end, half, await hashModel(half), { values: new Map([[q(0), { shape: [16, 16], data }]]) });
    const ref = (await openModel(end)).tensors.get(q(0))!;
    assert.equal(ref.dtype, 'BF16');
    assert.deepEqual(await readBytes(ref), encode('BF16', data));
  });

  test('opened through its run directory; its files are its owner’s', async () => {
    const run = place();
    await writeTrained(join(run, 'model'), base, baseHash, {
      values: new Map([[q(0), { shape: [16, 16], data: new Float32Array(256) }]]),
    });
    await writeFile(join(run, 'spec.json'), '{}');
    assert.deepEqual((await openModel(run)).changed, [q(0)]);
    for (const name of ['trained.safetensors', 'strata.json', 'config.json'])
      assert.equal((await stat(join(run, 'model', name))).mode & 0o777, 0o600, name);
  });

  test('says so when its base is gone, and can be shown another place of it', async () => {
    const moved = place();
    const own = await openModel(await writeTinyModel(place(), { layers: 3 }));
    const end = place();
    await writeTrained(end, own, await hashModel(own));
    await rename(own.folder, moved);
    assert.equal(await code(openModel(end)), 'file-missing-base');
    await sameTensors(await openModel(end, { base: moved }), await openModel(moved));
  });

  test('a map that contradicts the files is refused', async () => {
    const end = place();
    await writeTrained(end, base, baseHash, {
      values: new Map([[q(0), { shape: [16, 16], data: new Float32Array(256) }]]),
    });
    const file = join(end, 'strata.json');
    const record = await readJson<{ map: Record<string, string>; layers: unknown[] }>(file);
    for (const broken of [
      { ...record, strata: 2 },
      { ...record, map: { ...record.map, [q(0)]: q(0) } },
      { ...record, map: { ...record.map, [q(1)]: q(7) } },
      { ...record, layers: record.layers.slice(1) },
    ]) {
      await writeFile(file, JSON.stringify(broken));
      assert.equal(await code(openModel(end)), 'invalid-overlay');
    }
  });
});

describe('LoRA', () => {
  test('is kept beside the base and merged when exported: W + scale·B·A, rounded once', async () => {
    for (const [rslora, scale] of [
      [false, 3],
      [true, 6 / Math.SQRT2],
    ] as const) {
      const end = place();
      const lora = adapter([q(0), up(2)], 2, 6, rslora);
      await writeTrained(end, base, baseHash, { adapter: lora });
      const model = await openModel(end);
      assert.equal(model.adapter!.scale, scale);
      assert.deepEqual(model.changed, []);
      const out = place();
      await exportFolder(model, out, { dtype: 'BF16' });
      const exported = await openModel(out);
      assert.equal(exported.adapter, undefined);
      for (const { weight, a, b } of lora.modules) {
        const [rows, columns] = base.tensors.get(weight)!.shape as [number, number];
        const w = await readTensor(base.tensors.get(weight)!);
        const merged = Float64Array.from({ length: rows * columns }, (_, i) => {
          const [row, column] = [Math.floor(i / columns), i % columns];
          let product = 0;
          for (let k = 0; k < 2; k++) product += b.data[row * 2 + k]! * a.data[k * columns + column]!;
          return w[i]! + scale * product;
        });
        assert.deepEqual(await readBytes(exported.tensors.get(weight)!), encode('BF16', merged), weight);
      }
      const other = 'model.layers.1.mlp.up_proj.weight';
      assert.deepEqual(
        await readBytes(exported.tensors.get(other)!),
        encode('BF16', await readTensor(base.tensors.get(other)!)),
      );
    }
  });

  test('of a parent is merged into the start of a child', async () => {
    const [parent, child] = [place(), place()];
    await writeTrained(parent, base, baseHash, { adapter: adapter([q(1)]) });
    const opened = await openModel(parent);
    await writeTrained(child, opened, baseHash);
    const start = await openModel(child);
    assert.equal(start.adapter, undefined);
    assert.deepEqual(start.changed, [q(1)]);
    const out = place();
    await exportFolder(opened, out);
    await sameTensors(await openModel(out), start);
    assert.equal(
      await code(surgeryFolder(opened, planSurgery(opened.config, opened.tensors, { prune: [0] }), place())),
      'usage-unmerged',
    );
  });

  test('comes back as it went out', async () => {
    const [folder, again] = [place(), place()];
    const lora = adapter([q(0), q(1), q(2), up(0)]);
    await writeTrained(folder, base, baseHash, { adapter: lora });
    const model = await openModel(folder);
    await exportAdapter(model, again);
    assert.deepEqual((await readdir(again)).toSorted(), ['adapter_config.json', 'adapter_model.safetensors']);
    const read = await readAdapter(again, base.tensors);
    assert.deepEqual(
      read.modules.map((m) => m.weight),
      [q(0), up(0), q(1), q(2)],
    );
    for (const { weight, a, b } of lora.modules) {
      const module = read.modules.find((m) => m.weight === weight)!;
      assert.deepEqual(await readTensor(module.a), a.data);
      assert.deepEqual(await readTensor(module.b), b.data);
    }
    assert.equal(await code(exportAdapter(base, place())), 'usage-no-adapter');
  });

  test('targets are short names only when every layer has them', () => {
    assert.deepEqual(targetModules([q(0), q(1), up(0), up(1)], 2), ['q_proj', 'up_proj']);
    assert.deepEqual(targetModules([q(0), up(1)], 2), [
      'model.layers.0.self_attn.q_proj',
      'model.layers.1.mlp.up_proj',
    ]);
    assert.equal(loraScale(16, 32, false), 2);
    assert.equal(loraScale(16, 32, true), 8);
  });

  test('an adapter of PEFT is read', needsShared, async () => {
    const model = await openModel(data('reference/tiny-llama'));
    const read = await readAdapter(data('reference/training/lora-init'), model.tensors);
    assert.deepEqual([read.rank, read.alpha, read.scale, read.modules.length], [4, 8, 2, 9]);
    assert.deepEqual(read.modules[0]!.a.shape, [4, 32]);
  });

  const peft = { peft_type: 'LORA', r: 4, lora_alpha: 8, bias: 'none', target_modules: ['q_proj'] };
  const refused: [string, Record<string, unknown>][] = [
    ['accepted', {}],
    ['accepted', { use_dora: false, modules_to_save: null, rank_pattern: {}, init_lora_weights: 'gaussian' }],
    ['not-available-adapter', { peft_type: 'IA3' }],
    ['not-available-adapter', { bias: 'all' }],
    ['not-available-adapter', { lora_bias: true }],
    ['not-available-adapter', { use_dora: true }],
    ['not-available-adapter', { modules_to_save: ['lm_head'] }],
    ['not-available-adapter', { layer_replication: [[0, 2]] }],
    ['not-available-adapter', { rank_pattern: { q_proj: 8 } }],
    ['not-available-adapter', { alpha_pattern: { q_proj: 8 } }],
    ['not-available-adapter', { trainable_token_indices: [1] }],
    ['not-available-adapter', { fan_in_fan_out: true }],
    ['not-available-adapter', { init_lora_weights: 'pissa_niter_4' }],
    ['invalid-adapter-config', { r: 0 }],
    ['invalid-adapter-config', { lora_alpha: null }],
  ];
  for (const [expected, more] of refused)
    test(`${expected}: ${JSON.stringify(more)}`, async () => {
      assert.equal(
        await code((async () => parseAdapterConfig({ ...peft, ...more }, 'adapter_config.json'))()),
        expected,
      );
    });

  test('factors that do not fit the model are refused', async () => {
    const other = await openModel(await writeTinyModel(place(), { layers: 3, hidden: 32 }));
    const folder = place();
    await writeTrained(folder, base, baseHash, { adapter: adapter([q(0)]) });
    assert.equal(await code(readAdapter(folder, other.tensors)), 'invalid-adapter-shape');
    assert.equal(await code(readAdapter(folder, new Map())), 'invalid-adapter-target');
    assert.equal(await code(readAdapter(base.folder, base.tensors)), 'file-missing-adapter');
  });
});

describe('an exported folder', () => {
  test('in shards has an index that opens', async () => {
    const out = place();
    await exportFolder(base, out, { shardBytes: 9000 });
    const names = await readdir(out);
    assert.ok(names.includes('model.safetensors.index.json') && !names.includes('model.safetensors'));
    assert.ok(names.filter((name) => name.endsWith('.safetensors')).length > 2);
    await sameTensors(await openModel(out), base);
    const index = await readJson<{ metadata: { total_size: number } }>(join(out, 'model.safetensors.index.json'));
    assert.equal(
      index.metadata.total_size,
      [...base.tensors.values()].reduce((sum, ref) => sum + ref.bytes, 0),
    );
    const { metadata } = await readHeader(join(out, names.find((name) => name.endsWith('.safetensors'))!));
    assert.deepEqual(metadata, { format: 'pt' });
  });

  test('is never written over another, and an interrupted one leaves nothing', async () => {
    assert.equal(await code(exportFolder(base, base.folder)), 'usage-folder-exists');
    const before = await readdir(root);
    await assert.rejects(exportFolder(base, place(), { signal: AbortSignal.abort() }));
    assert.deepEqual(await readdir(root), before);
    const file = join(root, 'a-file');
    await writeFile(file, 'x');
    await assert.rejects(exportFolder(base, join(file, 'out')));
    assert.equal(await readFile(file, 'utf8'), 'x');
  });

  test('reports its progress in bytes', async () => {
    const seen: [number, number][] = [];
    await exportFolder(base, place(), { progress: { report: (_, done, total) => seen.push([done, total]) } });
    const [done, total] = seen.at(-1)!;
    assert.equal(done, total);
    assert.equal(
      total,
      [...base.tensors.values()].reduce((sum, ref) => sum + ref.bytes, 0),
    );
  });
});

test('an adapter written alone names its base', async () => {
  const folder = join(root, 'alone');
  await mkdir(folder);
  await writeAdapter(folder, adapter([q(0)]), { folder: '/models/base', layers: 3 });
  const config = await readJson<Record<string, unknown>>(join(folder, 'adapter_config.json'));
  assert.deepEqual([config['base_model_name_or_path'], config['r'], config['lora_alpha']], ['/models/base', 2, 6]);
});
