import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { random } from '../../src/base/random.ts';
import { deviceRow, devices } from '../../src/device/devices.ts';
import { DeviceBuffers, disposeAll } from '../../src/engine/device-buffers.ts';
import { createGenerator } from '../../src/engine/generator.ts';
import { createScorer } from '../../src/engine/scorer.ts';
import { createTrainer, type TrainerRequest } from '../../src/engine/trainer.ts';
import { buildForward } from '../../src/graph/forward.ts';
import { Graph } from '../../src/graph/graph.ts';
import { buildAdamw, buildSquares, buildSum } from '../../src/graph/optimizer.ts';
import { buildTraining, trainedParameters } from '../../src/graph/training.ts';
import { embeddingName, expectedTensors, headName, isLinearWeight } from '../../src/model/names.ts';
import { openModel } from '../../src/model/open.ts';
import { writeSurgery } from '../../src/model/overlay.ts';
import { readHeader, readTensor } from '../../src/model/safetensors.ts';
import { values } from '../../src/model/sources.ts';
import { planSurgery } from '../../src/model/surgery.ts';
import { writeSafetensors } from '../../src/model/writer.ts';
import type { ResolvedTraining } from '../../src/plan/types.ts';
import { temporaryFolder } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';
import { softwareVulkan } from '../vulkan.ts';
import { maxDifference } from './support.ts';
import { tinyConfig } from './tiny.ts';
import { batches, keepDevice, nodesOnCpu, training } from './webgpu-support.ts';

// WebGPU against the CPU on models so small that a software driver computes them: the same graphs' portable forms, weights and
// optimizer in buffers of the device.
const webgpu = softwareVulkan('swiftshader');
if (!webgpu.skip) await keepDevice();

const folder = await temporaryFolder();
const model = await openModel(await writeTinyModel(join(folder, 'tiny'), { layers: 2, hidden: 16 }));
const vocabulary = model.config.vocabSize;
const names = [...model.tensors.keys()];
const lora = { rank: 2, alpha: 4, rslora: false, weights: names.filter(isLinearWeight) };
const rows = batches(20, vocabulary);

/** The tiny model with two new blocks, and their names: the S arm. */
async function shallow(): Promise<Partial<TrainerRequest>> {
  const surgery = { expand: { after: [0, 1], init: 'average' as const, identity: true } };
  const plan = planSurgery(model.config, model.tensors, surgery);
  const out = join(folder, 'shallow');
  await writeSurgery(out, model, 'hash', plan);
  const grown = await openModel(out);
  const blocks = plan.layers.flatMap((layer, i) => (layer.kind === 'new' ? [`model.layers.${i}.`] : []));
  assert.equal(blocks.length, 2);
  return { model: grown, trained: [...grown.tensors.keys()].filter((n) => blocks.some((b) => n.startsWith(b))) };
}

/** The tiny model with a head of its own. */
async function untied(): Promise<Partial<TrainerRequest>> {
  const out = await writeTinyModel(join(folder, 'untied'), { layers: 2, hidden: 16 });
  const { tensors } = await readHeader(join(out, 'model.safetensors'));
  const table = tensors.find((t) => t.name === embeddingName)!;
  const head = values(headName, table.shape, 'F32', await readTensor(table));
  await writeSafetensors(join(out, 'head.safetensors'), [head]);
  await rename(join(out, 'model.safetensors'), join(out, 'body.safetensors'));
  const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8')) as object;
  await writeFile(join(out, 'config.json'), JSON.stringify({ ...config, tie_word_embeddings: false }));
  const weight_map = Object.fromEntries([
    ...names.map((name) => [name, 'body.safetensors']),
    [headName, 'head.safetensors'],
  ]);
  await writeFile(join(out, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map }));
  const opened = await openModel(out);
  assert.equal(opened.config.tied, false);
  return { model: opened, trained: [...opened.tensors.keys()] };
}

type Case = { request?: Partial<TrainerRequest>; training?: Partial<ResolvedTraining>; steps?: number };
const cases: Record<string, () => Case | Promise<Case>> = {
  'full, with a tied head': () => ({}),
  'full, with a head of its own': async () => ({ request: await untied() }),
  'full, recomputed': () => ({ request: { recompute: true } }),
  LoRA: () => ({ request: { trained: [], lora } }),
  'S arm': async () => ({ request: await shallow() }),
  'in micro-batches': () => ({ training: { micro_batch: 2 }, steps: 3 }),
  distilled: () => ({
    request: { teacher: model },
    training: { distill: { weight: 0.5, corpus: training.corpus } },
    steps: 3,
  }),
};

async function trained(device: 'cpu' | 'webgpu', { request, training: changed, steps = 20 }: Case) {
  const trainer = await createTrainer({
    model,
    trained: names,
    training: { ...training, ...changed },
    seed: 1,
    threads: 2,
    ...request,
    device,
  });
  try {
    const metrics = await trainer.advance(rows.slice(0, steps), rows.slice(-steps));
    return { metrics, weights: await trainer.read(), norms: await trainer.updateNorms() };
  } finally {
    await trainer.dispose();
  }
}

describe('training on WebGPU', webgpu, () => {
  for (const [name, of] of Object.entries(cases)) {
    test(`${name}: losses within 1e-5 of the CPU, every step`, async () => {
      const what = await of();
      const [cpu, gpu] = [await trained('cpu', what), await trained('webgpu', what)];
      assert.equal(gpu.metrics.length, what.steps ?? 20);
      for (const [i, { loss, gradNorm, divergence, ...rest }] of cpu.metrics.entries()) {
        const got = gpu.metrics[i]!;
        near(got.loss, loss, 1e-5, `loss of step ${i + 1}`);
        near(got.gradNorm, gradNorm, 1e-4, `norm of step ${i + 1}`);
        if (divergence !== undefined) assert.ok(Math.abs(got.divergence! - divergence) < 1e-6);
        assert.deepEqual([got.learningRate, got.tokens], [rest.learningRate, rest.tokens]);
      }
      assert.ok(cpu.metrics.at(-1)!.loss < cpu.metrics[0]!.loss, 'it learns');
      for (const [tensor, { data, shape }] of cpu.weights) {
        const got = gpu.weights.get(tensor)!;
        assert.deepEqual(got.shape, shape);
        assert.ok(maxDifference(got.data, data) < 1e-4, `${tensor}: ${maxDifference(got.data, data)}`);
        near(gpu.norms.get(tensor)!.weight, cpu.norms.get(tensor)!.weight, 1e-4, `norm of ${tensor}`);
      }
    });
  }

  test('a checkpoint is the same file: a run on WebGPU goes on from it, and the CPU can read it', async () => {
    const request = { model, trained: [], lora, training, seed: 1, threads: 2 };
    const first = await createTrainer({ ...request, device: 'webgpu' });
    const before = await first.advance(rows.slice(0, 3));
    const file = join(folder, 'state');
    await first.save(file);
    const whole = [...before, ...(await first.advance(rows.slice(3, 6)))];
    await first.dispose();
    for (const device of ['webgpu', 'cpu'] as const) {
      const second = await createTrainer({ ...request, seed: 2, device });
      await second.load(file);
      assert.equal(second.step, 3);
      const metrics = await second.advance(rows.slice(3, 6));
      for (const [i, { loss }] of metrics.entries()) near(loss, whole[3 + i]!.loss, 1e-6, `${device}, step ${4 + i}`);
      await second.dispose();
    }
  });

  test('half precision is refused where the adapter has none, in words', async () => {
    const request = { model, trained: names, seed: 1, threads: 2, device: 'webgpu' as const };
    await assert.rejects(createTrainer({ ...request, training: { ...training, precision: 'mixed' } }), (error) => {
      const { code, message } = (error as { problem: { code: string; message: string } }).problem;
      assert.equal(code, 'not-available');
      assert.match(message, /float16|half precision/);
      return true;
    });
  });
});

function near(got: number, want: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(got - want) <= tolerance * Math.abs(want), `${what}: ${got} instead of ${want}`);
}

describe('evaluation on WebGPU', webgpu, async () => {
  /** The tiny model's matrices are so small that it repeats one token; larger ones make it wander. */
  const overrides = new Map(
    await Promise.all(
      [...model.tensors.values()].map(async (t) => {
        const factor = t.shape.length === 2 && t.name !== 'model.embed_tokens.weight' ? 12 : 1;
        return [t.name, { shape: t.shape, data: (await readTensor(t)).map((v) => factor * v) }] as const;
      }),
    ),
  );
  const on = (device: 'cpu' | 'webgpu') => ({ threads: 2, device: deviceRow(device), overrides });
  const source = random('webgpu');
  const ids = (n: number) => Array.from({ length: n }, () => source.below(vocabulary));
  const scorers = await Promise.all((['cpu', 'webgpu'] as const).map((device) => createScorer(model, on(device))));
  after(async () => {
    for (const scorer of scorers) await scorer.dispose();
  });

  test('logits are those of the CPU within 1e-4', async () => {
    const text = [ids(30)];
    const [cpu, gpu] = await Promise.all(scorers.map((scorer) => scorer.logits(text)));
    assert.ok(maxDifference(gpu!.data, cpu!.data) < 1e-4);
  });

  test('scores are those of the CPU, also where beginnings are shared and after the weights changed', async () => {
    const shared = ids(12);
    const requests = [3, 5, 9].map((n) => ({ context: n === 9 ? ids(4) : shared, continuation: ids(n) }));
    const check = async () => {
      const [cpu, gpu] = await Promise.all(scorers.map((scorer) => scorer.score(requests)));
      for (const [i, { loglikelihood, ...rest }] of cpu!.entries()) {
        assert.ok(Math.abs(gpu![i]!.loglikelihood - loglikelihood) < 1e-4);
        assert.deepEqual({ ...gpu![i], loglikelihood }, { loglikelihood, ...rest });
      }
      return cpu!.map((r) => r.loglikelihood);
    };
    const before = await check();
    for (const scorer of scorers) {
      scorer.update(new Map([...overrides].map(([n, t]) => [n, { ...t, data: t.data.map((v) => 0.9 * v) }])));
    }
    assert.notDeepEqual(await check(), before);
    for (const scorer of scorers) scorer.update(overrides);
  });

  test('greedy text is that of the CPU, and what is greedy is said so', async () => {
    const prompts = [ids(5), ids(17), ids(2)];
    const texts = [];
    for (const device of ['cpu', 'webgpu'] as const) {
      const generator = await createGenerator(model, on(device));
      texts.push(await generator.generate(prompts, { maxTokens: 10, endIds: [] }));
      await generator.dispose();
    }
    assert.deepEqual(texts[1], texts[0]);
    assert.ok(new Set(texts[0]!.flat()).size > 5, 'the model wanders');
    const [asked] = await scorers[1]!.score([{ context: prompts[0]!, continuation: texts[0]![0]! }]);
    assert.equal(asked!.isGreedy, true);
  });
});

describe('nodes that WebGPU leaves to the CPU', webgpu, () => {
  const device = devices.webgpu!;
  const config = tinyConfig({ kvHeads: 1, tied: true, windows: [null, 3] });
  const all = expectedTensors(config).map((t) => t.name);
  const adapted = new Map(all.filter(isLinearWeight).map((name) => [name, { rank: 2, scale: 2 }]));
  const places = () => ({ kind: 'input' }) as const;
  const size = { batch: 2, sequence: 8, device };
  const pass = { ...size, trained: all, recompute: false };
  const parameters = trainedParameters(config, { trained: all });
  const cached = { past: 16, positions: 17, outputs: { logits: true, keyValues: true } };
  /**
   * The whole list: arithmetic on shapes, which ties a tensor to the place where it may be made. Shapes are on the host anyway,
   * so nothing waits for it. Copies from and to the host would stand here too.
   */
  const known = ['Add int64[2]', 'Gather int64[]', 'Mul int64[]'];
  const graphs: Record<string, () => Graph> = {
    'training, recomputed': () => buildTraining(config, places, { ...pass, recompute: true }),
    'training, head in parts': () => buildTraining(config, places, { ...pass, headParts: 4 }),
    'training, LoRA': () => buildTraining(config, places, { ...pass, trained: [], lora: adapted }),
    'training, distilled': () => buildTraining(config, places, { ...pass, teacher: { config, places } }),
    'sum of gradients': () => buildSum(device.forms, parameters),
    'norm of gradients': () => buildSquares(device.forms, parameters),
    AdamW: () => buildAdamw(device.forms, parameters, training),
    scoring: () =>
      buildForward(config, places, { ...size, parents: true, rows: 8, outputs: { scores: true, greedy: true } }),
    'a token of a text': () => buildForward(config, places, { ...size, sequence: 1, ...cached }),
  };
  for (const [name, graph] of Object.entries(graphs)) {
    test(name, async () => {
      const found = await nodesOnCpu(graph());
      assert.deepEqual(
        found.filter((node) => !known.includes(node)),
        [],
      );
    });
  }

  test('a node that has no kernel there is found', async () => {
    const g = new Graph('float32', device.forms);
    g.output('y', g.apply('LogSoftmax', [g.input('x', 'float32', [4, 8])], { axis: -1 }));
    assert.deepEqual(await nodesOnCpu(g), ['LogSoftmax float[4,8]']);
  });
});

test('buffers hold what was put in, and give it back', webgpu, async () => {
  const buffers = new DeviceBuffers(devices.webgpu!, 1);
  const tensors = [
    { name: 'a', shape: [3, 2] },
    { name: 'b', shape: [5] },
  ];
  const of = (name: string) => Float32Array.from({ length: name === 'a' ? 6 : 5 }, (_, i) => i + 0.5);
  const held = await buffers.upload(tensors, of);
  for (const [name, data] of await buffers.download(tensors, held)) assert.deepEqual(data, of(name));
  disposeAll(held.values());
  await buffers.close();
});
