// One engine of the benchmark as a process: does one step for each line on stdin and answers with one JSON line.
// node --import tsx engine.ts SHAPE FOLDER THREADS      (SHAPE may be `matmul`)
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Rows } from '../../src/data/types.ts';
import { devices } from '../../src/device/devices.ts';
import { Session } from '../../src/engine/session.ts';
import { createTrainer } from '../../src/engine/trainer.ts';
import { placeWeights } from '../../src/engine/weights.ts';
import { buildForward } from '../../src/graph/forward.ts';
import { Graph } from '../../src/graph/graph.ts';
import { openModel } from '../../src/model/open.ts';
import type { ResolvedTraining } from '../../src/plan/types.ts';
import { loraPlan, type Shape, shapes, token, trainedNames } from './shapes.ts';

const [name = '', folder = '', threads = '2'] = process.argv.slice(2);
type Step = (step: number) => Promise<number>;

function rowsOf({ batch, sequence, config }: Shape, step: number): Rows {
  const length = batch * sequence;
  const at = (i: number) => token(step, Math.floor(i / sequence), i % sequence, config.vocabSize);
  return {
    rows: batch,
    sequence,
    ids: Int32Array.from({ length }, (_, i) => at(i)),
    targets: Int32Array.from({ length }, (_, i) => (i % sequence === sequence - 1 ? -100 : at(i + 1))),
    segments: new Int32Array(length),
    positions: Int32Array.from({ length }, (_, i) => i % sequence),
  };
}

const optimizer = {
  steps: 1e6,
  packing: 'document',
  learning_rate: 1e-3,
  schedule: 'constant',
  warmup: 0,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weight_decay: 0.01,
  clip: 1,
  precision: 'float32',
  base_precision: 'float32',
  corpus: { hash: '', kind: 'tokens' },
} as const satisfies Partial<ResolvedTraining>;

async function trainer(shape: Shape): Promise<Step> {
  const { batch, sequence } = shape;
  const made = await createTrainer({
    model: await openModel(folder),
    trained: trainedNames(shape),
    lora: loraPlan(shape),
    training: { ...optimizer, betas: [0.9, 0.999], batch, micro_batch: batch, sequence },
    seed: 1,
    threads: Number(threads),
  });
  return async (step) => (await made.advance([rowsOf(shape, step)]))[0]!.loss;
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
    const { targets, ...rows } = rowsOf(shape, step);
    const { ids, segments, positions } = rows;
    const scored = targets.map((t) => Math.max(0, t));
    const results = await session.run({ ids, segments, positions, targets: scored });
    const logs = (results['log_probability'] as Float32Array).filter((_, i) => targets[i]! >= 0);
    return -logs.reduce((a, b) => a + b, 0) / logs.length;
  };
}

/** A bare product of two 2048 × 2048 matrices: what the machine gives at this moment. */
async function matmul(): Promise<Step> {
  const n = 2048;
  const g = new Graph('float32', devices.cpu!.forms);
  const [a, b] = [g.input('a', 'float32', [n, n]), g.input('b', 'float32', [n, n])];
  g.output('y', g.apply('ReduceMax', [g.apply('MatMul', [a, b]), g.ints([0, 1])], { keepdims: 0 }));
  const session = await Session.open(g, { threads: Number(threads) });
  const x = new Float32Array(n * n).map((_, i) => (i % 7) - 3);
  return async () => Number((await session.run({ a: x, b: x }))['y']![0]);
}

const shape = shapes[name];
const step = await (shape === undefined ? matmul() : shape.score ? scorer(shape) : trainer(shape));
let done = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const loss = await step(done++);
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  console.log(JSON.stringify({ ms: performance.now() - began, loss, peakMB: Math.round(peak) }));
}
process.exit(0);
