// One engine of the benchmark as a process: does one step for each line on stdin and answers with one JSON line.
// node --import tsx engine.ts SHAPE FOLDER THREADS      (SHAPE may be `matmul`, `matmul:returned`, or end in `:recompute`)
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { devices } from '../../src/device/devices.ts';
import { Session, type Values } from '../../src/engine/session.ts';
import { createTrainer } from '../../src/engine/trainer.ts';
import { placeWeights } from '../../src/engine/weights.ts';
import { buildForward } from '../../src/graph/forward.ts';
import { Graph } from '../../src/graph/graph.ts';
import { openModel } from '../../src/model/open.ts';
import { rowsOf, settings } from '../predictions/training.ts';
import { loraPlan, type Shape, shapes, trainedNames } from './shapes.ts';

const [what = '', folder = '', threads = '2'] = process.argv.slice(2);
const [name = '', again] = what.split(':');
type Step = (step: number) => Promise<number>;

async function trainer(shape: Shape): Promise<Step> {
  const made = await createTrainer({
    model: await openModel(folder),
    trained: trainedNames(shape),
    lora: loraPlan(shape),
    training: settings({ ...shape, microBatch: shape.batch, distilled: false }),
    recompute: again === 'recompute',
    seed: 1,
    threads: Number(threads),
  });
  return async (step) => (await made.advance([rowsOf(shape, shape.config.vocabSize, step)]))[0]!.loss;
}

async function scorer(shape: Shape): Promise<Step> {
  const { batch, sequence } = shape;
  const model = await openModel(folder);
  const graph = buildForward(
    model.config,
    placeWeights(model, () => false),
    { batch, sequence, outputs: { scores: true } },
  );
  const session = await Session.open(graph, { threads: Number(threads), prepack: true });
  return async (step) => {
    const { targets, ...rows } = rowsOf(shape, shape.config.vocabSize, step);
    const { ids, segments, positions } = rows;
    const scored = targets.map((t) => Math.max(0, t));
    const results = await session.run({ ids, segments, positions, targets: scored });
    const logs = (results['log_probability'] as Float32Array).filter((_, i) => targets[i]! >= 0);
    return -logs.reduce((a, b) => a + b, 0) / logs.length;
  };
}

/**
 * A bare product of two 2048 × 2048 matrices: what the machine gives at this moment. Of its result only the largest value
 * comes back; with `returned` all 16 MB, as a program that asks onnxruntime-node for a product gets them.
 */
async function matmul(returned: boolean): Promise<Step> {
  const n = 2048;
  const g = new Graph('float32', devices.cpu!.forms);
  const [a, b] = [g.input('a', 'float32', [n, n]), g.input('b', 'float32', [n, n])];
  const product = g.apply('MatMul', [a, b]);
  g.output('y', returned ? product : g.apply('ReduceMax', [product, g.ints([0, 1])], { keepdims: 0 }));
  const session = await Session.open(g, { threads: Number(threads) });
  const x = new Float32Array(n * n).map((_, i) => (i % 7) - 3);
  const into: Record<string, Values> = returned ? { y: new Float32Array(n * n) } : {};
  return async () => Number((await session.run({ a: x, b: x }, into))['y']![0]);
}

const shape = shapes[name];
const step = await (shape === undefined ? matmul(again === 'returned') : shape.score ? scorer(shape) : trainer(shape));
let done = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const loss = await step(done++);
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  console.log(JSON.stringify({ ms: performance.now() - began, loss, peakMB: Math.round(peak) }));
}
process.exit(0);
