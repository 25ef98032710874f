import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Rows } from '../../src/data/types.ts';
import { initialFactors, loraFactors } from '../../src/engine/lora.ts';
import { Session } from '../../src/engine/session.ts';
import { createTrainer } from '../../src/engine/trainer.ts';
import { placeWeights, readWeights } from '../../src/engine/weights.ts';
import { buildTraining } from '../../src/graph/training.ts';
import { readAdapter } from '../../src/model/adapter.ts';
import { openModel } from '../../src/model/open.ts';
import type { ResolvedTraining } from '../../src/plan/types.ts';
import { data, needsShared } from '../support.ts';
import { maxDifference, readAll, readJson } from './support.ts';

type Case = 'full' | 'layer1' | 'lora' | 'slayer';
type Variant = 'constant' | 'cosine';
interface Run {
  lr: number[];
  loss_f64: number[];
  grad_norm_f64: number[];
  final: string;
}
interface Reference {
  cases: Record<Case, { model: string; batches: string; trainable_names: string[] } & Partial<Record<Variant, Run>>>;
}
/** By vocabulary size: [step][row][token]; `labels` are those of the masked variant, −100 ignored. */
type Batches = Record<'input_ids' | 'labels', Record<string, number[][][]>>;

const folder = data('reference/training');
const settings: Record<Variant, Partial<ResolvedTraining>> = {
  constant: { schedule: 'constant', warmup: 0, weight_decay: 0, micro_batch: 4 },
  cosine: { schedule: 'cosine', warmup: 5, weight_decay: 0.1, micro_batch: 2 },
};

function training(variant: Variant, steps: number): ResolvedTraining {
  return {
    steps,
    batch: 4,
    micro_batch: 4,
    sequence: 24,
    packing: 'document',
    learning_rate: 1e-3,
    schedule: 'constant',
    warmup: 0,
    betas: [0.9, 0.95],
    epsilon: 1e-8,
    weight_decay: 0,
    clip: 1,
    precision: 'float32',
    base_precision: 'float32',
    corpus: { hash: '', kind: 'tokens' },
    ...settings[variant],
  };
}

/** Rows that are one document each; labels are aligned with the ids, as in transformers. */
function rows(ids: number[][], labels: number[][]): Rows {
  const sequence = ids[0]!.length;
  return {
    rows: ids.length,
    sequence,
    ids: Int32Array.from(ids.flat()),
    targets: Int32Array.from(labels.flatMap((row) => [...row.slice(1), -100])),
    segments: new Int32Array(ids.length * sequence),
    positions: Int32Array.from({ length: ids.length * sequence }, (_, i) => i % sequence),
  };
}

async function open(name: Case, variant: Variant, recompute = false, threads = 1) {
  const reference = await readJson<Reference>(join(folder, 'reference.json'));
  const { [name]: row } = reference.cases;
  const expected = row[variant]!;
  const model = await openModel(data(`reference/${row.model}`));
  const batches = await readJson<Batches>(join(folder, 'batches.json'));
  const ids = batches.input_ids[row.batches]!;
  const labels = variant === 'cosine' ? batches.labels[row.batches]! : ids;
  const lora = name === 'lora' ? await loraRequest(model) : undefined;
  const trainer = await createTrainer({
    model,
    trained: lora ? [] : row.trainable_names,
    lora,
    training: training(variant, expected.loss_f64.length),
    recompute,
    seed: 1,
    threads,
  });
  return { trainer, expected, batches: ids.map((step, i) => rows(step, labels[i]!)) };
}

async function loraRequest(model: Awaited<ReturnType<typeof openModel>>) {
  const adapterFolder = join(folder, 'lora-init');
  const { rank, alpha, rslora, modules } = await readAdapter(adapterFolder, model.tensors);
  return { rank, alpha, rslora, weights: modules.map((m) => m.weight), adapterFolder };
}

/** Largest difference, and the one that 99.9 % of all values stay below. */
function differences(a: Map<string, { data: Float32Array }>, b: Map<string, { data: Float32Array }>) {
  const all = [...b].flatMap(([name, { data: want }]) => {
    const have = a.get(name) ?? assert.fail(`${name} is missing`);
    return Array.from(want, (v, i) => Math.abs(v - have.data[i]!));
  });
  all.sort((x, y) => x - y);
  return { worst: all.at(-1)!, most: all[Math.floor(all.length * 0.999)]! };
}

const cases: [Case, Variant, boolean][] = [
  ['full', 'constant', false],
  ['full', 'cosine', false],
  ['full', 'cosine', true],
  ['layer1', 'constant', false],
  ['layer1', 'cosine', false],
  ['lora', 'constant', false],
  ['lora', 'cosine', true],
  ['slayer', 'constant', false],
];
for (const [name, variant, recompute] of cases) {
  test(
    `${name}, ${variant}${recompute ? ', recomputed' : ''}: 20 steps of AdamW are those of PyTorch`,
    needsShared,
    async () => {
      const { trainer, expected, batches } = await open(name, variant, recompute);
      const metrics = await trainer.advance(batches.slice(0, expected.loss_f64.length));
      for (const [i, { loss, gradNorm, learningRate }] of metrics.entries()) {
        assert.ok(Math.abs(loss - expected.loss_f64[i]!) < 1e-5, `loss of step ${i}`);
        assert.ok(Math.abs(gradNorm / expected.grad_norm_f64[i]! - 1) < 1e-4, `norm of step ${i}`);
        assert.ok(Math.abs(learningRate - expected.lr[i]!) < 1e-12, `rate of step ${i}`);
      }
      const final = expected.final.endsWith('.safetensors')
        ? expected.final
        : join(expected.final, 'adapter_model.safetensors');
      const want = await readAll(join(folder, final));
      const { worst, most } = differences(await trainer.read(), want);
      assert.ok(worst < 1e-4 && most < 2e-6, `${worst} at worst, ${most} for 99.9 %`);
      await trainer.dispose();
    },
  );
}

for (const name of ['full', 'layer1', 'lora'] as const) {
  test(`${name}: the gradients of step 0 are those of PyTorch`, needsShared, async () => {
    const reference = await readJson<Reference>(join(folder, 'reference.json'));
    const { model: modelName, batches: key, trainable_names: trained } = reference.cases[name];
    const model = await openModel(data(`reference/${modelName}`));
    const { input_ids: ids } = await readJson<Batches>(join(folder, 'batches.json'));
    const first = rows(ids[key]![0]!, ids[key]![0]!);
    const request = name === 'lora' ? await loraRequest(model) : undefined;
    const start = request ? await initialFactors(model, request, 1) : await readWeights(model, trained);
    const options = { trained: request ? [] : trained, lora: request && loraFactors(request), recompute: false };
    const places = placeWeights(model, (n) => start.has(n));
    const session = await Session.open(buildTraining(model.config, places, { ...options, batch: 4, sequence: 24 }), {
      threads: 1,
    });
    const { ids: tokens, targets, segments, positions } = first;
    const scale = Float32Array.of(1 / targets.filter((t) => t >= 0).length);
    const feeds = { ids: tokens, targets, segments, positions, scale };
    const results = await session.run({ ...Object.fromEntries(start), ...feeds });
    const expected = await readAll(join(folder, `step0-grads-${name}.safetensors`));
    assert.equal(expected.size, start.size);
    for (const [tensor, { data: want }] of expected)
      assert.ok(maxDifference(results[`gradient.${tensor}`] as Float32Array, want) < 1e-5, tensor);
    await session.close();
  });
}
