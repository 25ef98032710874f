import assert from 'node:assert/strict';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256File } from '../../src/base/hash.ts';
import { random } from '../../src/base/random.ts';
import { createScorer } from '../../src/engine/scorer.ts';
import { createTrainer } from '../../src/engine/trainer.ts';
import { placeWeights } from '../../src/engine/weights.ts';
import { count } from '../../src/graph/tensor.ts';
import { buildTraining, trainedParameters } from '../../src/graph/training.ts';
import { factorName } from '../../src/model/adapter.ts';
import { atBasePrecision, withBasePrecision } from '../../src/model/base-precision.ts';
import { parseConfig } from '../../src/model/config.ts';
import { expectedTensors, isLinearWeight, layerTensorName } from '../../src/model/names.ts';
import { openModel } from '../../src/model/open.ts';
import { writeTrained } from '../../src/model/overlay.ts';
import { readTensor } from '../../src/model/safetensors.ts';
import { values } from '../../src/model/sources.ts';
import type { LoweredPrecision, Model } from '../../src/model/types.ts';
import { writeSafetensors } from '../../src/model/writer.ts';
import type { ResolvedTraining } from '../../src/plan/types.ts';
import { temporaryFolder } from '../support.ts';
import { assertGradients, normal } from './gradcheck.ts';
import { maxDifference, portable, wholeRows } from './support.ts';

const shape = {
  model_type: 'llama',
  hidden_size: 48,
  intermediate_size: 80,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 50,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: false,
};
const rows = [
  [1, 2, 3, 4, 5, 6, 7, 8],
  [9, 8, 7, 6, 5, 4, 3, 2],
];
const layer1 = (name: string) => name.startsWith('model.layers.1.');

process.env['XDG_CACHE_HOME'] = await temporaryFolder();
const stored = await write((name) => {
  const draw = random('base precision', name);
  return name.endsWith('norm.weight') ? () => 1 : () => 0.2 * draw.normal();
});

/** A model folder with values that `of` makes for each tensor. */
async function write(of: (name: string) => (i: number) => number): Promise<Model> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), JSON.stringify(shape));
  const tensors = expectedTensors(parseConfig(shape, 'test')).map((t) => {
    const value = of(t.name);
    return values(
      t.name,
      t.shape,
      'F32',
      Float32Array.from({ length: count(t.shape) }, (_, i) => value(i)),
    );
  });
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return openModel(folder);
}

async function logits(model: Model): Promise<Float32Array> {
  const scorer = await createScorer(model, { threads: 1 });
  const { data } = await scorer.logits(rows);
  await scorer.dispose();
  return data;
}

for (const kind of ['bfloat16', 'int4'] satisfies LoweredPrecision[])
  test(`${kind}: what is computed are the logits of a model that stores the rounded values`, async () => {
    const folder = await temporaryFolder();
    const lowered = await atBasePrecision(withBasePrecision(stored, kind, []), folder);
    const rounded = new Map<string, Float32Array>();
    for (const [name, ref] of lowered.tensors) rounded.set(name, await readTensor(ref));
    const same = await write((name) => (i) => rounded.get(name)![i]!);
    const computed = await logits(withBasePrecision(stored, kind, []));
    assert.ok(maxDifference(computed, await logits(same)) < 1e-5);
    assert.ok(maxDifference(computed, await logits(stored)) > 1e-4, 'it is not the stored model');
    for (const [name, ref] of lowered.tensors)
      assert.equal(ref.file === stored.tensors.get(name)!.file, !isLinearWeight(name), name);
  });

test('the file is made once, and is the same for every model that the same weights lie in', async () => {
  const folder = await temporaryFolder();
  const first = await atBasePrecision(withBasePrecision(stored, 'int4', []), folder);
  const files = async () =>
    Promise.all(
      (await readdir(folder)).map(async (name) => [name, (await stat(join(folder, name), { bigint: true })).ino]),
    );
  const made = (await files()).filter(([name]) => String(name).endsWith('.int4.safetensors'));
  assert.equal(made.length, 1);
  const trained = [...stored.tensors.keys()].filter(layer1);
  const second = await atBasePrecision(withBasePrecision(stored, 'int4', trained), folder);
  assert.deepEqual(
    (await files()).filter(([name]) => String(name).endsWith('.int4.safetensors')),
    made,
  );
  const q = (layer: number) => layerTensorName(layer, 'self_attn.q_proj');
  assert.deepEqual(second.tensors.get(q(0)), first.tensors.get(q(0)));
  assert.equal(second.tensors.get(q(1)), stored.tensors.get(q(1)), 'what is trained stays as it is stored');
});

test('gradients through frozen matrices in int4 are central differences', async () => {
  const folder = await temporaryFolder();
  const trained = [...stored.tensors.keys()].filter(layer1);
  const lora = new Map([0, 2].map((l) => [layerTensorName(l, 'mlp.down_proj'), { rank: 2, scale: 1.5 }]));
  const model = await atBasePrecision(withBasePrecision(stored, 'int4', trained), folder);
  const options = { batch: 2, sequence: 8, trained, lora, recompute: false };
  const parameters = trainedParameters(model.config, options);
  const own = new Set(parameters.map(({ name }) => name));
  // What is not in int4 is fed: no file holds it in float64.
  const places = placeWeights(model, (name) => own.has(name) || !isLinearWeight(name));
  const graph = buildTraining(model.config, places, { ...options, float: 'float64', device: portable });
  const feeds: Record<string, Float64Array | Int32Array> = {
    ...(wholeRows(rows) as Record<string, Int32Array>),
    targets: Int32Array.from(rows.flatMap((row) => [...row.slice(1), -100])),
    scale: Float64Array.of(1 / 14),
  };
  for (const { name, shape: of } of graph.inputs) {
    const ref = stored.tensors.get(name);
    if (ref) feeds[name] = Float64Array.from(await readTensor(ref));
    else if (own.has(name)) feeds[name] = normal(count(of), name).map((v) => 0.2 * v);
  }
  const names = [factorName(layerTensorName(0, 'mlp.down_proj'), 'a'), ...trained.slice(0, 4)];
  await assertGradients(graph, feeds, names, { entries: 3 });
});

test('a training changes no frozen byte, and its run evaluates with the weights that it trained beside', async () => {
  const file = join(stored.folder, 'model.safetensors');
  const hash = await sha256File(file);
  const weights = [...stored.tensors.keys()].filter(isLinearWeight);
  const lora = { rank: 2, alpha: 4, rslora: false, weights };
  const model = withBasePrecision(stored, 'int4', []);
  const trainer = await createTrainer({ model, trained: [], lora, training, seed: 1, threads: 1 });
  const batch = {
    rows: 2,
    sequence: 8,
    ...(wholeRows(rows) as Record<'ids' | 'segments' | 'positions', Int32Array>),
    targets: Int32Array.from(rows.flatMap((row) => [...row.slice(1), -100])),
  };
  const [first] = await trainer.advance([batch]);
  assert.ok(Math.abs(first!.loss - (await meanLoss(model))) < 1e-5, 'before the first step the factors add nothing');
  const [, last] = await trainer.advance([batch, batch]);
  assert.ok(last!.loss < first!.loss);
  const read = await trainer.read();
  const [next] = await trainer.advance([batch]);
  await trainer.dispose();
  assert.equal(await sha256File(file), hash);

  const modules = weights.map((weight) => ({
    weight,
    a: read.get(factorName(weight, 'a'))!,
    b: read.get(factorName(weight, 'b'))!,
  }));
  const out = join(await temporaryFolder(), 'model');
  const adapter = { rank: 2, alpha: 4, rslora: false, modules };
  await writeTrained(out, stored, 'hash', { adapter, basePrecision: model.basePrecision });
  const finished = await openModel(out);
  assert.deepEqual(finished.basePrecision, model.basePrecision);
  assert.ok(Math.abs((await meanLoss(finished)) - next!.loss) < 1e-5);
  for (const [name, ref] of finished.tensors) assert.equal(ref.file, stored.tensors.get(name)!.file);
});

async function meanLoss(model: Model): Promise<number> {
  const scorer = await createScorer(model, { threads: 1 });
  const requests = rows.map((row) => ({ context: row.slice(0, 1), continuation: row.slice(1) }));
  const scores = await scorer.score(requests);
  await scorer.dispose();
  return -scores.reduce((sum, { loglikelihood }) => sum + loglikelihood, 0) / 14;
}

const training: ResolvedTraining = {
  steps: 8,
  batch: 2,
  micro_batch: 2,
  sequence: 8,
  packing: 'document',
  learning_rate: 1e-2,
  schedule: 'constant',
  warmup: 0,
  betas: [0.9, 0.95],
  epsilon: 1e-8,
  weight_decay: 0,
  clip: 0,
  precision: 'float32',
  base_precision: 'int4',
  corpus: { hash: '', kind: 'tokens' },
};
