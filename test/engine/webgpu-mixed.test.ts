import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { devices } from '../../src/device/devices.ts';
import { DeviceSession } from '../../src/engine/device-session.ts';
import { hasHalf } from '../../src/engine/half-precision.ts';
import { createTrainer } from '../../src/engine/trainer.ts';
import { cast } from '../../src/graph/functions.ts';
import { Graph } from '../../src/graph/graph.ts';
import { buildTraining } from '../../src/graph/training.ts';
import { isLinearWeight } from '../../src/model/names.ts';
import { openModel } from '../../src/model/open.ts';
import { temporaryFolder } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';
import { softwareVulkan } from '../vulkan.ts';
import { batches, keepDevice, nodesOnCpu, training } from './webgpu-support.ts';

// Mixed precision, on the one software driver that has float16.
const webgpu = softwareVulkan('lavapipe');
if (!webgpu.skip) await keepDevice();
const device = devices.webgpu!;
const half = { ...device, forms: { ...device.forms, products: 'float16' as const } };

describe('mixed precision on WebGPU', webgpu, async () => {
  const folder = await temporaryFolder();
  const model = await openModel(await writeTinyModel(join(folder, 'tiny'), { layers: 2, hidden: 16 }));
  const names = [...model.tensors.keys()];
  const rows = batches(20, model.config.vocabSize);
  const request = { model, trained: names, seed: 1, threads: 2, device: 'webgpu' as const };
  const mixed = { ...training, precision: 'mixed' as const };

  test('the adapter computes in float16, and adds in it: 2048 + 1 is 2048', async () => {
    assert.equal(await hasHalf(device, 1), true);
    const terms = 4096;
    const g = new Graph('float32', device.forms);
    const [a, b] = [g.input('a', 'float32', [1, terms]), g.input('b', 'float32', [terms, 1])];
    g.output('sum', cast(g, g.apply('MatMul', [cast(g, a, 'float16'), cast(g, b, 'float16')]), 'float32'));
    const session = await DeviceSession.open(g, { device, threads: 1, kept: () => false });
    const feeds = {
      a: new Float32Array(terms).fill(1),
      b: Float32Array.from({ length: terms }, (_, i) => +(i < 2049)),
    };
    assert.equal((await session.run(feeds)).values['sum']![0], 2048);
    await session.close();
  });

  test('no sum over rows is one in float16: gradients of weights are made in float32', () => {
    const places = () => ({ kind: 'input' }) as const;
    const size = { batch: 2, sequence: 8, recompute: false, device: half };
    const g = buildTraining(model.config, places, { ...size, trained: names });
    const products = g.nodes.filter(({ op }) => op === 'MatMul' || op === 'Gemm');
    const halves = products.filter(({ outputs }) => outputs[0]!.dtype === 'float16');
    const overRows = halves.filter(({ op, attributes }) => op === 'Gemm' && attributes['transA'] === 1);
    assert.ok(halves.length > products.length / 2, `${halves.length} of ${products.length} products in float16`);
    assert.deepEqual(overRows, []);
  });

  test('20 steps follow those of float32, masters stay float32, and the scale of the loss is in the checkpoint', async () => {
    const losses: number[][] = [];
    for (const how of [training, mixed]) {
      const trainer = await createTrainer({ ...request, training: how });
      const metrics = await trainer.advance(rows);
      losses.push(metrics.map(({ loss }) => loss));
      const file = join(folder, `state-${how.precision}`);
      await trainer.save(file);
      await trainer.dispose();
      if (how === mixed) {
        const again = await createTrainer({ ...request, training: how, device: 'webgpu' });
        await again.load(file);
        assert.equal(again.step, 20);
        const weights = [...(await again.read()).values()];
        const rounded = weights.every(({ data }) => data.every((v) => Math.abs(v) > 1e4 || toHalf(v) === v));
        assert.equal(rounded, false);
        await again.dispose();
      }
    }
    for (const [i, loss] of losses[0]!.entries()) {
      const got = losses[1]![i]!;
      assert.ok(Math.abs(got - loss) < 5e-3 * loss, `step ${i + 1}: ${got} instead of ${loss}`);
    }
    assert.notDeepEqual(losses[1], losses[0]);
    assert.ok(losses[1]!.at(-1)! < losses[1]![0]!, 'it learns');
  });

  test('LoRA in mixed precision leaves no node to the CPU but arithmetic on shapes', async () => {
    const adapted = new Map(names.filter(isLinearWeight).map((name) => [name, { rank: 2, scale: 2 }]));
    const places = () => ({ kind: 'input' }) as const;
    const options = { batch: 2, sequence: 8, trained: [], lora: adapted, recompute: true, device: half };
    const kinds = await nodesOnCpu(buildTraining(model.config, places, options));
    assert.deepEqual(
      kinds.filter((kind) => !/ int64/.test(kind)),
      [],
    );
  });
});

/** The nearest number of float16, for those in its normal range. */
function toHalf(x: number): number {
  if (x === 0) return 0;
  const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(x)))) - 10);
  return Math.round(x / step) * step;
}
