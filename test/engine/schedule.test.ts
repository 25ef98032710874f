import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Session } from '../../src/engine/session.ts';
import { peakBytes, runOrder } from '../../src/graph/schedule.ts';
import { count } from '../../src/graph/tensor.ts';
import { buildTraining, type TrainingOptions } from '../../src/graph/training.ts';
import { expectedTensors, isLinearWeight } from '../../src/model/names.ts';
import { temporaryFolder } from '../support.ts';
import { config } from '../unit/plan/world.ts';

const model = config({ num_hidden_layers: 4, hidden_size: 32, intermediate_size: 64, max_position_embeddings: 256 });
const names = expectedTensors(model).map((t) => t.name);
const lora = new Map(names.filter(isLinearWeight).map((name) => [name, { rank: 2, scale: 1 }]));
const inLayers = (layers: number[]) => names.filter((n) => layers.some((l) => n.startsWith(`model.layers.${l}.`)));

const trainings: [what: string, options: Pick<TrainingOptions, 'trained' | 'lora' | 'recompute' | 'headParts'>][] = [
  ['all trained', { trained: names, recompute: false }],
  ['all trained, logits in four parts', { trained: names, recompute: false, headParts: 4 }],
  ['two layers trained', { trained: inLayers([1, 3]), recompute: false }],
  ['recomputed', { trained: names, recompute: true }],
  ['LoRA', { trained: [], lora, recompute: false }],
  ['LoRA, recomputed', { trained: [], lora, recompute: true }],
];
for (const [what, options] of trainings)
  test(`nodes run in the order that memory and time are predicted by: ${what}`, async () => {
    const graph = buildTraining(model, () => ({ kind: 'input' }), { batch: 2, sequence: 256, ...options });
    const folder = await temporaryFolder();
    const session = await Session.open(graph, { threads: 1, profile: join(folder, 'profile') });
    const integers = new Set(['ids', 'targets', 'segments', 'positions']);
    await session.run(
      Object.fromEntries(
        graph.inputs.map(({ name, shape }) => [
          name,
          integers.has(name) ? new Int32Array(count(shape)) : new Float32Array(count(shape)).fill(0.1),
        ]),
      ),
    );
    await session.close();
    const [file] = await readdir(folder);
    const events = JSON.parse(await readFile(join(folder, file!), 'utf8')) as {
      cat: string;
      name: string;
      ts: number;
    }[];
    const suffix = '_kernel_time';
    const ran = events
      .filter(({ cat, name }) => cat === 'Node' && name.endsWith(suffix))
      .sort((a, b) => a.ts - b.ts)
      .map(({ name }) => name.slice(0, -suffix.length));
    assert.deepEqual(
      runOrder(graph).map(({ name }) => name),
      ran,
    );
    assert.ok(peakBytes(graph) > 0);
  });
