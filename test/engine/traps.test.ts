import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { devices } from '../../src/device/devices.ts';
import { pinnedOptions, Session } from '../../src/engine/session.ts';
import { backward } from '../../src/graph/backward.ts';
import { embedding } from '../../src/graph/blocks/embedding.ts';
import { mul, reduceSum } from '../../src/graph/functions.ts';
import { Graph } from '../../src/graph/graph.ts';
import { ops } from '../../src/graph/ops.ts';
import { buildTraining } from '../../src/graph/training.ts';
import { expectedTensors } from '../../src/model/names.ts';
import { root } from '../support.ts';
import { normal } from './gradcheck.ts';
import type { Pass } from './peak-memory.ts';
import { maxDifference } from './support.ts';
import { tinyConfig } from './tiny.ts';

// Faults of onnxruntime 1.30 that give wrong results or memory without an error, at sizes where they show.

test('the embedding gradient adds every row, with two threads, at the size where ScatterND loses additions', async () => {
  const [rows, hidden, vocab] = [2048, 512, 300];
  const g = new Graph('float32', devices.cpu!.forms);
  const table = g.input('table', 'float32', [vocab, hidden]);
  const ids = g.input('ids', 'int32', [rows]);
  const dy = g.input('dy', 'float32', [rows, hidden]);
  const loss = reduceSum(g, mul(g, embedding(g, table, ids), dy), [0, 1], false);
  g.output('gradient', backward(g, [{ of: loss, gradient: g.scalar(1) }], [table])[0]!);
  const session = await Session.open(g, { threads: 2 });
  // As in text, few ids are frequent. Whole numbers, so that every order of additions gives the same sum.
  const feeds = {
    table: new Float32Array(vocab * hidden),
    ids: Int32Array.from(normal(rows, 'ids'), (x) => Math.floor(Math.abs(x * x * 40)) % vocab),
    dy: Float32Array.from(normal(rows * hidden, 'dy'), (x) => Math.round(4 * x)),
  };
  const expected = new Float32Array(vocab * hidden);
  for (const [row, id] of feeds.ids.entries())
    for (let i = 0; i < hidden; i++) expected[id * hidden + i]! += feeds.dy[row * hidden + i]!;
  for (let run = 0; run < 20; run++) {
    const { gradient } = await session.run(feeds);
    assert.equal(maxDifference(gradient as Float32Array, expected), 0, `run ${run}`);
  }
  await session.close();
});

test('no graph can contain ScatterND', () => {
  assert.equal('ScatterND' in ops, false);
});

test('the session options that memory and results depend on are pinned', () => {
  assert.deepEqual(pinnedOptions, { graphOptimizationLevel: 'disabled', enableMemPattern: false });
});

test('outputs in given arrays only: they are written, nothing is copied, and what really fails is still said', async () => {
  const graph = () => {
    const g = new Graph('float32', devices.cpu!.forms);
    const [x, at] = [g.input('x', 'float32', [1024, 4096]), g.input('at', 'int32', [1])];
    g.output('sum', reduceSum(g, g.apply('Gather', [x, at], { axis: 0 }), [0, 1], false));
    g.output('negative', g.apply('Neg', [x]));
    return g;
  };
  const x = new Float32Array(2 ** 22).fill(1);
  const given = { sum: new Float32Array(1), negative: new Float32Array(2 ** 22) };
  const session = await Session.open(graph(), { threads: 1, givenOutputs: true });
  const copies = async (of: Session) => {
    const before = process.memoryUsage().arrayBuffers;
    const results = await of.run({ x, at: Int32Array.of(3) }, given);
    return { results, bytes: process.memoryUsage().arrayBuffers - before };
  };
  const { results, bytes } = await copies(session);
  assert.deepEqual([results['sum'], results['negative']], [given.sum, given.negative]);
  assert.deepEqual([given.sum[0], given.negative[0], given.negative.at(-1)], [4096, -1, -1]);
  assert.ok(bytes < 2 ** 20, `${bytes} bytes of arrays were made`);
  await assert.rejects(session.run({ x, at: Int32Array.of(5000) }, given), /out of data bounds/);
  await assert.rejects(session.run({ x, at: Int32Array.of(0) }, { sum: given.sum }), /nothing is given for negative/);
  await session.close();
  // The trap itself: where it is gone, `givenOutputs` is needless.
  const plain = await Session.open(graph(), { threads: 1 });
  assert.ok((await copies(plain)).bytes >= 2 ** 24, 'onnxruntime-node no longer copies outputs that it was given');
  await plain.close();
});

test('no output of a training graph is an input of it', () => {
  const config = tinyConfig({ tied: true });
  const trained = expectedTensors(config).map((t) => t.name);
  const g = buildTraining(config, () => ({ kind: 'input' }), { batch: 1, sequence: 4, trained, recompute: false });
  const inputs = new Set(g.inputs.map((t) => t.name));
  assert.deepEqual(
    g.outputs.filter((t) => inputs.has(t.name)),
    [],
  );
});

const linux = process.platform === 'linux' ? false : 'peak memory is read from /proc';
async function peak(pass: Pass): Promise<number> {
  const script = join(root, 'test/engine/peak-memory.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, JSON.stringify(pass)]);
  return Number(stdout);
}

test('recomputation really lowers the peak of memory: weight gradients are not put off to the end', {
  skip: linux,
}, async () => {
  const pass = { layers: 24, vocabSize: 64, headParts: 1 };
  const [kept, again] = [await peak({ ...pass, recompute: false }), await peak({ ...pass, recompute: true })];
  assert.ok(again < 0.25 * kept, `${kept} MB kept, ${again} MB with recomputation`);
});

test('a head computed in parts never holds all logits', { skip: linux }, async () => {
  const pass = { layers: 1, vocabSize: 16_384, recompute: false };
  const [whole, parts] = [await peak({ ...pass, headParts: 1 }), await peak({ ...pass, headParts: 8 })];
  assert.ok(parts < 0.5 * whole, `${whole} MB at once, ${parts} MB in parts`);
});
