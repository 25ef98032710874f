import assert from 'node:assert/strict';
import { cp, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readJson } from '../../../src/base/files.ts';
import { hashCache } from '../../../src/base/hash-cache.ts';
import { Failure } from '../../../src/base/problem.ts';
import { hashModel } from '../../../src/model/hash.ts';
import { cachedModel, hubCache } from '../../../src/model/hub.ts';
import { openModel } from '../../../src/model/open.ts';
import { readTensor } from '../../../src/model/safetensors.ts';
import { values } from '../../../src/model/sources.ts';
import { leaves, modelTree, sameStructure } from '../../../src/model/tree.ts';
import { writeSafetensors } from '../../../src/model/writer.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';
import { writeTinyModel } from '../../tiny-model.ts';

const root = await temporaryFolder();
let folders = 0;
const tiny = () => writeTinyModel(join(root, `model-${folders++}`), { layers: 2 });

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assert.match(error.problem.message, /\.$/);
    assert.ok(error.problem.remedy);
    return error.problem.code;
  }
  return 'accepted';
}

describe('every family of the reference opens', needsShared, () => {
  const cases: [string, string, number, number, (number | null)[]][] = [
    ['tiny-llama', 'llama', 3, 8, [null, null, null]],
    ['tiny-llama3-bf16-sharded', 'llama', 2, 16, [null, null]],
    ['tiny-mistral', 'mistral', 3, 8, [8, 8, 8]],
    ['tiny-qwen2', 'qwen2', 3, 8, [null, null, null]],
    ['tiny-qwen3', 'qwen3', 2, 16, [null, null]],
    ['tiny-smollm', 'llama', 3, 16, [null, null, null]],
    ['stories260k-hf', 'llama', 5, 8, [null, null, null, null, null]],
  ];
  for (const [name, family, layers, headDim, windows] of cases)
    test(name, async () => {
      const model = await openModel(data(`reference/${name}`));
      const { config } = model;
      assert.deepEqual(
        [config.family, config.layers, config.headDim, config.windows],
        [family, layers, headDim, windows],
      );
      assert.equal([...model.tensors.keys()][0], 'model.embed_tokens.weight');
      assert.equal(model.tensors.has('lm_head.weight'), !config.tied);
      const norm = await readTensor(model.tensors.get('model.norm.weight')!);
      assert.equal(norm.length, config.hiddenSize);
      assert.ok(norm.every(Number.isFinite));
    });
  test('layer types of the reference', async () => {
    for (const [name] of cases.slice(0, 6)) {
      const { layer_types: types } = await readJson<{ layer_types: string[] | null }>(
        data(`reference/${name}/reference.json`),
      );
      const { windows } = (await openModel(data(`reference/${name}`))).config;
      if (types)
        assert.deepEqual(
          windows.map((w) => (w === null ? 'full_attention' : 'sliding_attention')),
          types,
          name,
        );
    }
  });
});

describe('what is wrong with a folder is said in a sentence', () => {
  test('no folder, a file, an empty folder', async () => {
    assert.equal(await code(openModel(join(root, 'nowhere'))), 'file-missing-model');
    await writeFile(join(root, 'file'), '');
    assert.equal(await code(openModel(join(root, 'file'))), 'invalid-model-folder');
    await mkdir(join(root, 'empty'));
    assert.equal(await code(openModel(join(root, 'empty'))), 'file-missing-config');
  });
  test('an adapter, an unfinished run', async () => {
    await mkdir(join(root, 'adapter'));
    await writeFile(join(root, 'adapter', 'adapter_config.json'), '{}');
    assert.equal(await code(openModel(join(root, 'adapter'))), 'invalid-model-folder');
    await mkdir(join(root, 'run'));
    await writeFile(join(root, 'run', 'spec.json'), '{}');
    assert.equal(await code(openModel(join(root, 'run'))), 'run-without-model');
  });
  test('a config that is no JSON', async () => {
    const folder = await tiny();
    await writeFile(join(folder, 'config.json'), '{"a":');
    assert.equal(await code(openModel(folder)), 'invalid-json');
    await writeFile(join(folder, 'config.json'), '[]');
    assert.equal(await code(openModel(folder)), 'invalid-json');
  });
  test('a config that is nested more deeply than a message could show (found by the fuzzer)', async () => {
    const folder = await tiny();
    await writeFile(join(folder, 'config.json'), `{"model_type": ${'['.repeat(20_000)}${']'.repeat(20_000)}}`);
    assert.equal(await code(openModel(folder)), 'invalid-json');
  });

  test('no weights, or weights in another format', async () => {
    const folder = await tiny();
    await rm(join(folder, 'model.safetensors'));
    assert.equal(await code(openModel(folder)), 'file-missing-weights');
    await writeFile(join(folder, 'pytorch_model.bin'), '');
    assert.equal(await code(openModel(folder)), 'invalid-weights-format');
  });

  const edits: [string, (config: Record<string, unknown>) => void][] = [
    ['invalid-model-missing', (config) => (config['num_hidden_layers'] = 3)],
    ['invalid-model-extra', (config) => (config['num_hidden_layers'] = 1)],
    ['invalid-model-missing', (config) => (config['attention_bias'] = true)],
    ['invalid-model-missing', (config) => (config['tie_word_embeddings'] = false)],
    ['invalid-model-shape', (config) => (config['vocab_size'] = 259)],
    ['invalid-model-shape', (config) => (config['num_key_value_heads'] = 4)],
  ];
  for (const [expected, edit] of edits)
    test(`${expected}: ${edit}`, async () => {
      const folder = await tiny();
      const config = await readJson<Record<string, unknown>>(join(folder, 'config.json'));
      edit(config);
      await writeFile(join(folder, 'config.json'), JSON.stringify(config));
      assert.equal(await code(openModel(folder)), expected);
    });
});

describe('shards', () => {
  /** The tiny model's tensors in two shards, and the index's map. */
  async function sharded(): Promise<{ folder: string; map: Record<string, string> }> {
    const folder = await tiny();
    const { tensors } = await openModel(folder);
    const map: Record<string, string> = {};
    const sources = await Promise.all(
      [...tensors.values()].map(async (ref) => values(ref.name, ref.shape, 'F32', await readTensor(ref))),
    );
    for (const half of [0, 1]) {
      const file = `model-0000${half + 1}-of-00002.safetensors`;
      const own = sources.filter((_, i) => i % 2 === half);
      for (const { name } of own) map[name] = file;
      await writeSafetensors(join(folder, file), own);
    }
    await rm(join(folder, 'model.safetensors'));
    return { folder, map };
  }
  const index = (folder: string, map: unknown) =>
    writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));

  test('are one model, in model order', async () => {
    const { folder, map } = await sharded();
    await index(folder, map);
    const model = await openModel(folder);
    assert.equal(model.tensors.size, Object.keys(map).length);
    assert.equal([...model.tensors.keys()][1], 'model.layers.0.input_layernorm.weight');
  });
  test('a missing shard, a tensor in the wrong place, one that no shard holds', async () => {
    const { folder, map } = await sharded();
    const [first, second] = Object.keys(map) as [string, string];
    await index(folder, { ...map, [first]: 'model-00003-of-00003.safetensors' });
    assert.match(await code(openModel(folder)), /file-missing-shard|invalid-index-tensor/);
    await index(folder, {
      ...map,
      [first]: map[second]! === map[first] ? 'model-00002-of-00002.safetensors' : map[second],
    });
    assert.equal(await code(openModel(folder)), 'invalid-index-tensor');
    await index(folder, { ...map, other: map[first] });
    assert.equal(await code(openModel(folder)), 'invalid-index-tensor');
    await index(folder, undefined);
    assert.equal(await code(openModel(folder)), 'invalid-index-json');
  });
  for (const name of [
    '../x.safetensors',
    '/etc/x.safetensors',
    'a/b.safetensors',
    'a\\b.safetensors',
    '..',
    'x..safetensors',
    'x.bin',
    '',
    5,
  ])
    test(`no index reaches outside its folder: ${JSON.stringify(name)}`, async () => {
      const { folder, map } = await sharded();
      await index(folder, { ...map, 'lm_head.weight': name });
      assert.equal(await code(openModel(folder)), 'invalid-index-shard-name');
    });

  test('a shard that is a link in a circle is missing, and so is a model that is one', async () => {
    const { folder, map } = await sharded();
    await index(folder, map);
    const shard = Object.values(map)[0]!;
    await rm(join(folder, shard));
    await symlink(shard, join(folder, shard));
    assert.equal(await code(openModel(folder)), 'file-missing-shard');
    await symlink('round', join(root, 'round'));
    assert.equal(await code(openModel(join(root, 'round'))), 'file-missing-model');
  });
});

test('links are followed, as in the Hugging Face cache', async () => {
  const cache = join(root, 'hub');
  const snapshot = join(cache, 'models--org--tiny', 'snapshots', 'abc');
  await mkdir(join(cache, 'models--org--tiny', 'refs'), { recursive: true });
  await mkdir(join(cache, 'models--org--tiny', 'snapshots'), { recursive: true });
  const folder = await tiny();
  const blobs = join(cache, 'models--org--tiny', 'blobs');
  await cp(folder, blobs, { recursive: true });
  await mkdir(snapshot);
  for (const name of ['config.json', 'model.safetensors', 'tokenizer.json'])
    await symlink(join('../../blobs', name), join(snapshot, name));
  const env = { HF_HUB_CACHE: cache };
  assert.equal(await cachedModel('org/tiny', env), snapshot);
  await writeFile(join(cache, 'models--org--tiny', 'refs', 'main'), 'abc\n');
  assert.equal(await cachedModel('org/tiny', env), snapshot);
  assert.equal((await openModel(snapshot)).tokenizerFolder, snapshot);
  assert.equal(await hashModel(await openModel(snapshot)), await hashModel(await openModel(folder)));
  for (const id of ['org/other', '../tiny', 'org/../tiny', 'a/b/c', ''])
    assert.equal(await cachedModel(id, env), undefined);
  await writeFile(join(cache, 'models--org--tiny', 'refs', 'main'), '../../../../../etc');
  assert.equal(await cachedModel('org/tiny', env), undefined);
  assert.equal(hubCache({ HF_HOME: '/h' }), '/h/hub');
  assert.equal(hubCache({ XDG_CACHE_HOME: '/c' }), '/c/huggingface/hub');
});

test('the hash of a model changes with its weights and its config, not with its place', async () => {
  const [a, b, c, d] = await Promise.all(
    [1, 1, 2, 1].map((seed, i) => writeTinyModel(join(root, `hash-${i}`), { layers: 1, seed })),
  );
  const config = await readJson<Record<string, unknown>>(join(d!, 'config.json'));
  await writeFile(join(d!, 'config.json'), JSON.stringify({ ...config, rope_theta: 20000 }));
  const [ha, hb, hc, hd] = await Promise.all([a, b, c, d].map(async (folder) => hashModel(await openModel(folder!))));
  assert.equal(ha, hb);
  assert.equal(new Set([ha, hc, hd]).size, 3);
});

test('hashes of files are remembered by path, size and time', async () => {
  const file = join(root, 'remembered');
  const store = join(root, 'cache', 'hashes.json');
  await writeFile(file, 'one');
  const young = hashCache(store);
  const one = await young.hashFile(file);
  await young.save();
  // A file that was changed just now may change again within a tick of the clock: it is not remembered.
  await writeFile(file, 'two');
  assert.notEqual(await hashCache(store).hashFile(file), one);

  const old = new Date(Date.now() - 60_000);
  await utimes(file, old, old);
  const cache = hashCache(store);
  const two = await cache.hashFile(file);
  await cache.save();
  // The same size and time with other content shows that the second answer comes from memory.
  await writeFile(file, 'TWO');
  await utimes(file, old, old);
  assert.equal(await hashCache(store).hashFile(file), two);
  await writeFile(file, 'longer');
  await utimes(file, old, old);
  assert.notEqual(await hashCache(store).hashFile(file), two);
  await writeFile(store, 'not JSON');
  assert.notEqual(await hashCache(store).hashFile(file), two);
  await rename(file, `${file}-moved`);
  await assert.rejects(hashCache(store).hashFile(file));
});

test('the layer tree has every tensor once, with totals', async () => {
  const model = await openModel(await tiny());
  const tree = modelTree(model);
  assert.deepEqual(
    leaves(tree).map((leaf) => leaf.path),
    [...model.tensors.keys()],
  );
  assert.deepEqual(
    tree.children.map((node) => node.name),
    ['embed_tokens', '0', '1', 'norm'],
  );
  const [, first, second] = tree.children;
  assert.deepEqual(
    first!.children.map((node) => node.name),
    ['input_layernorm', 'self_attn', 'post_attention_layernorm', 'mlp'],
  );
  assert.equal(first!.parameters, 2 * 16 + 2 * 16 * 16 + 2 * 8 * 16 + 3 * 32 * 16);
  assert.equal(tree.bytes, 4 * tree.parameters);
  assert.ok(sameStructure(first!, second!) && !sameStructure(first!, tree.children[0]!));
});
