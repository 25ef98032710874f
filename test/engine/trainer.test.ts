import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Failure } from '../../src/base/problem.ts';
import { random } from '../../src/base/random.ts';
import type { Rows } from '../../src/data/types.ts';
import { createTrainer, type TrainerRequest } from '../../src/engine/trainer.ts';
import { expectedTensors, isLinearWeight } from '../../src/model/names.ts';
import { openModel } from '../../src/model/open.ts';
import { values } from '../../src/model/sources.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import { writeSafetensors } from '../../src/model/writer.ts';
import type { ResolvedTraining } from '../../src/plan/types.ts';
import { temporaryFolder } from '../support.ts';
import { forward, wholeRows } from './support.ts';
import { tinyConfig } from './tiny.ts';

const config = tinyConfig({
  vocabSize: 32,
  hiddenSize: 16,
  intermediateSize: 24,
  heads: 4,
  kvHeads: 2,
  layers: 3,
  tied: true,
});
const names = expectedTensors(config).map((t) => t.name);
const folder = await temporaryFolder();
const model = await writeModel(config);

/** A model folder with seeded random weights. */
async function writeModel(c: ModelConfig) {
  const sources = expectedTensors(c).map(({ name, shape }) => {
    const generator = random('weights', name);
    const middle = name.endsWith('norm.weight') ? 1 : 0;
    const length = shape.reduce((a, b) => a * b, 1);
    return values(
      name,
      shape,
      'F32',
      Float32Array.from({ length }, () => middle + 0.1 * generator.normal()),
    );
  });
  await writeSafetensors(join(folder, 'model.safetensors'), sources);
  await writeFile(
    join(folder, 'config.json'),
    JSON.stringify({
      model_type: 'llama',
      vocab_size: c.vocabSize,
      hidden_size: c.hiddenSize,
      intermediate_size: c.intermediateSize,
      num_hidden_layers: c.layers,
      num_attention_heads: c.heads,
      num_key_value_heads: c.kvHeads,
      head_dim: c.headDim,
      max_position_embeddings: c.maxPositions,
      rms_norm_eps: c.rmsNormEps,
      tie_word_embeddings: c.tied,
      hidden_act: 'silu',
    }),
  );
  return openModel(folder);
}

const training: ResolvedTraining = {
  steps: 8,
  batch: 4,
  micro_batch: 4,
  sequence: 12,
  packing: 'document',
  learning_rate: 1e-2,
  schedule: 'cosine',
  warmup: 2,
  betas: [0.9, 0.95],
  epsilon: 1e-8,
  weight_decay: 0.1,
  clip: 1,
  precision: 'float32',
  base_precision: 'float32',
  corpus: { hash: '', kind: 'tokens' },
};

/** Batch of step `step`: two documents a row, some targets ignored. */
function batch(step: number): Rows {
  const generator = random('batch', step);
  const { batch: rows, sequence } = training;
  const length = rows * sequence;
  return {
    rows,
    sequence,
    ids: Int32Array.from({ length }, () => generator.below(config.vocabSize)),
    targets: Int32Array.from({ length }, (_, i) => (i % 5 === 4 ? -100 : generator.below(config.vocabSize))),
    segments: Int32Array.from({ length }, (_, i) => (i % sequence < 7 ? 0 : 1)),
    positions: Int32Array.from({ length }, (_, i) => (i % sequence < 7 ? i % sequence : (i % sequence) - 7)),
  };
}
const batches = Array.from({ length: 8 }, (_, i) => batch(i));

function open(more: Partial<TrainerRequest> = {}, changed: Partial<ResolvedTraining> = {}) {
  return createTrainer({ model, trained: names, training: { ...training, ...changed }, seed: 1, threads: 2, ...more });
}
const lora = { rank: 2, alpha: 4, rslora: false, weights: names.filter(isLinearWeight) };

test('the same request gives the same bits', async () => {
  const runs = [];
  for (let i = 0; i < 2; i++) {
    const trainer = await open();
    runs.push({ metrics: await trainer.advance(batches), weights: await trainer.read() });
    await trainer.dispose();
  }
  assert.deepEqual(runs[0], runs[1]);
});

for (const [what, more] of [
  ['all tensors', {}],
  ['LoRA', { trained: [], lora }],
] as [string, Partial<TrainerRequest>][]) {
  test(`${what}: a resumed run ends bit for bit as an uninterrupted one`, async () => {
    const whole = await open(more);
    const metrics = await whole.advance(batches);
    const first = await open(more);
    await first.advance(batches.slice(0, 3));
    const file = join(folder, `state-${what}`);
    await first.save(file);
    await first.dispose();
    const second = await open({ ...more, seed: 2 });
    await second.load(file);
    assert.equal(second.step, 3);
    assert.deepEqual(await second.advance(batches.slice(3)), metrics.slice(3));
    assert.deepEqual(await second.read(), await whole.read());
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith('.part')),
      [],
    );
  });
}

test('a state of other parameters is refused, and nothing is changed', async () => {
  const other = await open({ trained: names.slice(0, 3) });
  const file = join(folder, 'other-state');
  await other.save(file);
  const trainer = await open();
  const before = await trainer.read();
  await assert.rejects(trainer.load(file), (e) => e instanceof Failure && e.problem.code === 'invalid-checkpoint');
  assert.deepEqual(await trainer.read(), before);
});

test('the loss and the gradient do not depend on how the step is cut into micro-batches', async () => {
  const results = [];
  for (const micro of [4, 2, 1]) {
    const trainer = await open({}, { micro_batch: micro });
    results.push(await trainer.advance(batches));
  }
  for (const other of results.slice(1))
    for (const [i, { loss, gradNorm }] of other.entries()) {
      assert.ok(Math.abs(loss - results[0]![i]!.loss) < 1e-6 * (1 + i));
      assert.ok(Math.abs(gradNorm / results[0]![i]!.gradNorm - 1) < 1e-4);
    }
});

test('recomputation changes no bit', async () => {
  const results = [];
  for (const recompute of [false, true]) {
    const trainer = await open({ recompute });
    results.push({ metrics: await trainer.advance(batches), weights: await trainer.read() });
  }
  assert.deepEqual(results[0], results[1]);
});

test('the loss is the mean over the targets of the step', async () => {
  const trainer = await open();
  const loss = (await trainer.advance([batches[0]!]))[0]!.loss;
  const rows = Array.from({ length: 4 }, (_, r) => Array.from(batches[0]!.ids.subarray(r * 12, (r + 1) * 12)));
  const { segments, positions, targets } = batches[0]!;
  const scored = await forward(
    model,
    rows,
    { scores: true },
    {
      feeds: { ...wholeRows(rows), segments, positions, targets: targets.map((t) => Math.max(t, 0)) },
    },
  );
  const terms = Array.from(scored['log_probability'] as Float32Array).filter((_, i) => targets[i]! >= 0);
  assert.ok(Math.abs(loss + terms.reduce((a, b) => a + b, 0) / terms.length) < 1e-5);
});

test('a step without any target leaves the loss at 0 and the weights finite', async () => {
  const trainer = await open({}, { warmup: 0 });
  const none = { ...batches[0]!, targets: new Int32Array(48).fill(-100) };
  const { loss, gradNorm } = (await trainer.advance([none]))[0]!;
  assert.deepEqual([loss, gradNorm], [0, 0]);
  for (const { data } of (await trainer.read()).values()) assert.ok(data.every(Number.isFinite));
});

test('a loss that is not finite ends the training with step and remedy; the last good weights stay', async () => {
  const trainer = await open({}, { learning_rate: 1e25, warmup: 0, clip: 0 });
  let before = await trainer.read();
  const failed = await (async () => {
    for (const rows of batches) {
      before = await trainer.read();
      try {
        await trainer.advance([rows]);
      } catch (error) {
        return error;
      }
    }
    return undefined;
  })();
  assert.ok(failed instanceof Failure);
  assert.equal(failed.problem.code, 'loss-not-finite');
  assert.match(failed.problem.message, new RegExp(`At step ${trainer.step + 1} `));
  assert.match(failed.problem.remedy!, /learning_rate/);
  assert.deepEqual(await trainer.read(), before);
});

test('values that the last step made infinite are never saved, though its loss was finite', async () => {
  const trainer = await open({}, { learning_rate: 1e39, warmup: 0, schedule: 'constant', clip: 0 });
  const [only] = await trainer.advance([batches[0]!]);
  assert.ok(Number.isFinite(only!.loss));
  const file = join(folder, 'infinite-state');
  await assert.rejects(
    trainer.save(file),
    (e) =>
      e instanceof Failure &&
      e.problem.code === 'weights-not-finite' &&
      /After step 1 .* is not finite/.test(e.problem.message) &&
      /learning_rate/.test(e.problem.remedy!),
  );
  assert.ok(!(await readdir(folder)).some((name) => name.startsWith('infinite-state')));
});

test('distillation adds weight · KL to the gradient, whatever the micro-batches; from itself nothing', async () => {
  const distill = { weight: 0.5, corpus: training.corpus };
  const follow = async (changed: Partial<ResolvedTraining>) => {
    const trainer = await open({ teacher: model }, { distill, ...changed });
    const metrics = await trainer.advance(batches.slice(0, 5), batches.slice(3));
    await trainer.dispose();
    return metrics;
  };
  const plain = await open();
  const alone = await plain.advance(batches.slice(0, 5));
  const [whole, cut] = [await follow({}), await follow({ micro_batch: 2 })];
  assert.ok(Math.abs(whole[0]!.divergence!) < 1e-6, 'it starts as its teacher');
  assert.equal(whole[0]!.loss, alone[0]!.loss, 'the loss is reported without the divergence');
  assert.ok(whole.slice(3).every(({ divergence }) => divergence! > 0));
  assert.notEqual(whole.at(-1)!.loss, alone.at(-1)!.loss);
  for (const [i, { loss, divergence, gradNorm }] of cut.entries()) {
    assert.ok(Math.abs(loss - whole[i]!.loss) < 1e-5 * (1 + i));
    assert.ok(Math.abs(divergence! - whole[i]!.divergence!) < 1e-5 * (1 + i));
    assert.ok(Math.abs(gradNorm / whole[i]!.gradNorm - 1) < 1e-3);
  }
  await assert.rejects(open({}, { distill }), /no teacher is given/);
});

test('LoRA starts as the base: A uniform in ±1/√in, another for each tensor and seed, B zero', async () => {
  const base = await open();
  const adapted = await open({ trained: [], lora });
  const [a] = await base.advance([batches[0]!]);
  const [b] = await adapted.advance([batches[0]!]);
  assert.equal(a!.loss, b!.loss);
  const start = await (await open({ trained: [], lora })).read();
  const other = await (await open({ trained: [], lora, seed: 2 })).read();
  const seen = new Set<string>();
  for (const [name, { shape, data }] of start) {
    if (name.includes('lora_B')) {
      assert.ok(data.every((v) => v === 0));
      continue;
    }
    const bound = 1 / Math.sqrt(shape[1]!);
    assert.ok(data.every((v) => Math.abs(v) <= bound));
    assert.ok(data.some((v) => Math.abs(v) > bound / 2));
    assert.notDeepEqual(other.get(name)!.data, data);
    seen.add(String(data[0]));
  }
  assert.equal(seen.size, lora.weights.length);
});

test('LoRA and trained tensors together; only they are read', async () => {
  const trained = names.filter((n) => n.includes('.layers.1.'));
  const weights = lora.weights.filter((n) => n.includes('.layers.0.'));
  const trainer = await open({ trained, lora: { ...lora, rslora: true, weights } });
  const before = await trainer.read();
  await trainer.advance(batches);
  const after = await trainer.read();
  assert.equal(before.size, trained.length + 2 * weights.length);
  for (const [name, { data }] of after) assert.notDeepEqual(data, before.get(name)!.data, name);
  assert.deepEqual([...(await trainer.read([trained[0]!])).keys()], [trained[0]]);
  await assert.rejects(trainer.read(['model.norm.weight']), /not trained here: model.norm.weight/);
});

test('mixed precision is refused on the CPU, where half-precision products silently run in float32', async () => {
  await assert.rejects(
    open({}, { precision: 'mixed' }),
    (e) => e instanceof Failure && e.problem.code === 'not-available',
  );
  await assert.rejects(open({ device: 'cuda' }), (e) => e instanceof Failure && e.problem.code === 'not-available');
});
