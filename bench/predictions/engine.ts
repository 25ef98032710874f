// One case of bench/predictions.ts as a process: `case NAME FOLDER THREADS` makes a step of a training for each line on stdin,
// `probe NAME - THREADS` calibrates; each answers with a JSON line.
import { createInterface } from 'node:readline';
import { probe } from '../../src/engine/probe.ts';
import { createTrainer } from '../../src/engine/trainer.ts';
import { openModel } from '../../src/model/open.ts';
import { speedShape } from '../../src/plan/facts/machine.ts';
import { type Case, cases, trainedOf } from './cases.ts';
import { memory, rowsOf, settings } from './training.ts';

const [kind, name = '', folder = '', threads = '2'] = process.argv.slice(2);

async function training(of: Case): Promise<() => Promise<object>> {
  const { distilled, recompute } = of.shape;
  const { names, lora } = trainedOf(of);
  const trainer = await createTrainer({
    model: await openModel(folder),
    trained: [...names],
    ...(lora && { lora: { alpha: 2 * lora.rank, rslora: false, ...lora } }),
    ...(distilled && { teacher: await openModel(folder) }),
    training: settings(of.shape),
    recompute,
    seed: 1,
    threads: Number(threads),
  });
  let step = 0;
  return async () => {
    const rows = rowsOf(of.shape, of.config.vocabSize, step++);
    const began = performance.now();
    await trainer.advance([rows], distilled ? [rows] : []);
    return { seconds: (performance.now() - began) / 1000, ...memory() };
  };
}

const of = cases[name]!;
const step = kind === 'probe' ? () => probe(speedShape(of.config), Number(threads)) : await training(of);
for await (const _ of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const answer = await step();
  console.log(JSON.stringify({ ...answer, ms: performance.now() - began }));
}
process.exit(0);
