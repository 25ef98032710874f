// One case of bench/predictions.ts as a process: `case NAME FOLDER THREADS` makes a step of a training for each line on stdin,
// `probe NAME - THREADS` calibrates; each answers with a JSON line.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Rows } from '../../src/data/types.ts';
import { probe } from '../../src/engine/probe.ts';
import { createTrainer } from '../../src/engine/trainer.ts';
import { openModel } from '../../src/model/open.ts';
import { speedShape } from '../../src/plan/facts/machine.ts';
import type { ResolvedTraining } from '../../src/plan/types.ts';
import { token } from '../training/shapes.ts';
import { type Case, cases, trainedOf } from './cases.ts';

const [kind, name = '', folder = '', threads = '2'] = process.argv.slice(2);

function rowsOf({ shape: { batch, sequence }, config }: Case, step: number): Rows {
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

async function training(of: Case): Promise<() => Promise<object>> {
  const { batch, microBatch, sequence, distilled, recompute } = of.shape;
  const corpus = { hash: '', kind: 'tokens' } as const;
  const settings: ResolvedTraining = {
    steps: 1e6,
    batch,
    micro_batch: microBatch,
    sequence,
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
    corpus,
    ...(distilled && { distill: { weight: 0.5, corpus } }),
  };
  const { names, lora } = trainedOf(of);
  const trainer = await createTrainer({
    model: await openModel(folder),
    trained: [...names],
    ...(lora && { lora: { alpha: 2 * lora.rank, rslora: false, ...lora } }),
    ...(distilled && { teacher: await openModel(folder) }),
    training: settings,
    recompute,
    seed: 1,
    threads: Number(threads),
  });
  let step = 0;
  return async () => {
    const rows = rowsOf(of, step++);
    const began = performance.now();
    await trainer.advance([rows], distilled ? [rows] : []);
    return { seconds: (performance.now() - began) / 1000, ...memory() };
  };
}

/** Of this process, bytes: the highest resident size yet, and how much of the present one is its own and how much mapped files. */
function memory(): { peak: number; anonymous: number; mapped: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (key: string) => 1024 * Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]);
  return { peak: of('VmHWM'), anonymous: of('RssAnon'), mapped: of('RssFile') };
}

const of = cases[name]!;
const step = kind === 'probe' ? () => probe(speedShape(of.config), Number(threads)) : await training(of);
for await (const _ of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const answer = await step();
  console.log(JSON.stringify({ ...answer, ms: performance.now() - began }));
}
process.exit(0);
