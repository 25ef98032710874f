// One case of bench/large.ts as a process: a step of the training for each line on stdin, answered with a JSON line.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createTrainer } from '../../src/engine/trainer.ts';
import { withBasePrecision } from '../../src/model/base-precision.ts';
import { openModel } from '../../src/model/open.ts';
import { writeSurgery } from '../../src/model/overlay.ts';
import { planSurgery } from '../../src/model/surgery.ts';
import { memory, rowsOf, settings } from '../predictions/training.ts';
import { largeCases, largeStack, largeTrained } from './cases.ts';

const [name = '', folder = '', threads = '2'] = process.argv.slice(2);
const of = largeCases[name]!;
const base = await openModel(folder);
const start = join(folder, `start-${name}`);
await rm(start, { recursive: true, force: true });
await writeSurgery(start, base, '', planSurgery(base.config, base.tensors, of.surgery, 1));
const { names, lora } = largeTrained(of, await largeStack(of, folder));
const model = withBasePrecision(await openModel(start), of.lowered ?? 'float32', [...names]);
const trainer = await createTrainer({
  model,
  trained: [...names],
  ...(lora && { lora: { alpha: 2 * lora.rank, rslora: false, ...lora } }),
  training: settings(of.shape),
  recompute: of.shape.recompute,
  seed: 1,
  threads: Number(threads),
});
let step = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const [metrics] = await trainer.advance([rowsOf(of.shape, model.config.vocabSize, step++)]);
  const seconds = (performance.now() - began) / 1000;
  console.log(JSON.stringify({ loss: metrics!.loss, seconds, ...memory() }));
}
process.exit(0);
