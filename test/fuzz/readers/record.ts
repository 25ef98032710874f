import { copyFile, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { openJournal } from '../../../src/analyze/journal.ts';
import { hashCache } from '../../../src/base/hash-cache.ts';
import { parseConfig } from '../../../src/model/config.ts';
import { factCache } from '../../../src/plan/facts/cache.ts';
import { gatherImportance } from '../../../src/plan/facts/importance.ts';
import { calibrationKey, gatherMachine, speedShape } from '../../../src/plan/facts/machine.ts';
import { suggestSurgery, surgeryEntries } from '../../../src/plan/suggest-surgery.ts';
import { runsOf } from '../../../src/record/find.ts';
import { newestImportance, readImportance } from '../../../src/record/importance.ts';
import { home, layout } from '../../../src/record/layout.ts';
import { readEvaluated, readEvents, readMetrics, readProgress, readRun } from '../../../src/record/read.ts';
import { collectRuns } from '../../../src/report/collect.ts';
import { compare } from '../../../src/report/comparison.ts';
import { importanceCharts } from '../../../src/report/importance.ts';
import { importanceTables } from '../../../src/report/importance-tables.ts';
import { loadComparedRun } from '../../../src/report/load.ts';
import { stabilityOf, stabilityText } from '../../../src/report/stability.ts';
import { request, spec } from '../../unit/record/support.ts';
import { lines, type Reader, writeAll } from '../reader.ts';

const id = 'demo-s-1-0123abcd';
const runFolder = (folder: string) => join(folder, '.strata/runs', id);
const inRun = (name: string) => join('.strata/runs', id, name);

const process0 = { host: 'elsewhere', boot: 'b', pid: 1, start: '1' };
const training = {
  corpus: { kind: 'text', hash: 'c'.repeat(64), field: 'text' },
  steps: 4,
  batch: 2,
  micro_batch: 2,
  sequence: 16,
  learning_rate: 0.001,
  schedule: 'cosine',
};
const proof = (role: string, end = 'e') => ({
  shape: [2],
  dtype: 'F32',
  role,
  start: 'e'.repeat(64),
  end: end.repeat(64),
});
const step = (n: number) => ({
  step: n,
  tokens: 32 * n,
  loss: 3 - n / 8,
  grad_norm: 1.5,
  lr: 1e-3,
  tokens_per_second: 100,
  wall: n,
});
const sample = (n: number) => ({ doc_id: n, prompt_hash: 'p', target_hash: 't', acc: n % 2, acc_norm: 1 });

/** Every record of a finished run of two attempts. */
const runFiles: Record<string, unknown> = {
  'spec.json': { ...spec, training },
  'place.json': { kind: 'local' },
  'request.0.json': request(0, { stages: ['surgery', 'train', 'evaluate'] }),
  'request.1.json': request(1, {
    tasks: [{ name: 'recall', spec: { kind: 'choice' }, files: [], hash: 'h' } as never],
  }),
  'claim.1': { cookie: 'c', supervisor: process0, time: 1 },
  'proc.1.json': { worker: process0, time: 2 },
  'result.1.json': { state: 'failed', problem: { code: 'x', message: 'It failed.', remedy: 'Mend it.' }, time: 3 },
  'exit.0.json': { outcome: 'preempted', reason: 'It was stopped.', code: 75, signal: null, by: 'supervisor', time: 3 },
  'events.0.jsonl': lines([
    { time: 1, type: 'stage', stage: 'surgery', state: 'started' },
    { time: 2, type: 'proof', proof: 'identity', state: 'holds', detail: 'The logits are equal.' },
    { time: 3, type: 'progress', stage: 'train', label: 'steps', done: 0, total: 4 },
    { time: 4, type: 'checkpoint', step: 2 },
  ]),
  'events.1.jsonl': lines([
    { time: 5, type: 'kept', task: 'recall', step: 4, metric: 'acc', value: 0.5 },
    { time: 6, type: 'warning', message: 'Two documents are the same.' },
  ]),
  'metrics.0.jsonl': lines([step(1), step(2), { step: 2, update_ratio: { '0': 1e-3, norm: 0 } }, step(3)]),
  'metrics.1.jsonl': lines([step(3), step(4), { step: 4, task: 'recall', metric: 'acc', value: 0.5 }]),
  'scores.json': { recall: { acc: { value: 0.5, stderr: 0.1, n: 4 }, acc_norm: { value: 1, stderr: null, n: 4 } } },
  'evaluated.json': { recall: 'h' },
  'tensors.json': { 'a.weight': proof('frozen'), 'b.weight': proof('trained', 'f') },
  'samples/recall.jsonl': lines([0, 1, 2, 3].map(sample)),
};

const seedRun = (folder: string) => writeAll(runFolder(folder), runFiles);

/** What the views draw of one run. */
async function views(folder: string): Promise<void> {
  const run = await readRun(runFolder(folder));
  await readProgress(run);
  await readEvaluated(run.folder);
  const loaded = await loadComparedRun(run.folder);
  const stability = stabilityOf(loaded.steps, loaded.updates ?? []);
  if (stability) stabilityText(stability);
  compare(await collectRuns([run], { forgetting: [] }, loadComparedRun));
}

const records = Object.keys(runFiles).filter((name) => !name.endsWith('.jsonl'));
const run: Reader = {
  name: 'run-records',
  seed: seedRun,
  targets: [...records, 'samples/recall.jsonl'].map((name) => ({ file: inRun(name), format: 'json' })),
  async read(folder) {
    await runsOf(home(join(folder, '.strata')).folder);
    await views(folder);
  },
};

const metrics: Reader = {
  name: 'metrics',
  seed: seedRun,
  targets: ['metrics.0.jsonl', 'metrics.1.jsonl'].map((name) => ({ file: inRun(name), format: 'json' })),
  async read(folder) {
    await readMetrics(runFolder(folder));
    await views(folder);
  },
};

const events: Reader = {
  name: 'events',
  seed: seedRun,
  targets: ['events.0.jsonl', 'events.1.jsonl'].map((name) => ({ file: inRun(name), format: 'json' })),
  async read(folder) {
    await readEvents(runFolder(folder));
    await views(folder);
  },
};

const perLayer = [0.1, 0.4, 0.2, 0.3];
const importance: Reader = {
  name: 'importance',
  seed: (folder) =>
    writeAll(runFolder(folder), {
      ...runFiles,
      'spec.json': { ...spec, analysis: { metrics: ['angular'], tokens: 64, corpora: [] } },
      [layout.importance]: {
        strata_importance: 1,
        model: 'a'.repeat(64),
        corpus: 'general',
        documents: 3,
        tokens: 64,
        nll: 2.5,
        layers: 4,
        metrics: { angular: perLayer, influence: perLayer, removal: perLayer },
        intervals: { angular: perLayer.map((v) => [v - 0.1, v + 0.1]), removal: [null, null, [0, 1], null] },
        blocks: [perLayer, [0.1, 0.2, 0.3], [0.1, 0.2], [0.1]],
        attention: { general: { tokens: 64, entropy: perLayer, first_token: perLayer, distance: perLayer } },
        tasks: {
          recall: {
            metric: 'acc',
            documents: 4,
            base: 0.5,
            drops: { removal: perLayer },
            intervals: { removal: [null, [0, 1], null, null] },
          },
        },
      },
    }),
  targets: [{ file: inRun(layout.importance), format: 'json' }],
  async read(folder) {
    await gatherImportance(home(join(folder, '.strata')).runs, id);
    await newestImportance(join(folder, '.strata'), 'demo');
    const measured = await readImportance(runFolder(folder));
    if (!measured) return;
    importanceTables(measured);
    importanceCharts([{ name: 'demo', importance: measured }]);
    const suggested = suggestSurgery(measured, measured.layers);
    if (suggested) surgeryEntries(suggested);
  },
};

const cacheSeeds = ['hashes.seed', 'facts.seed', 'calibration.seed', 'journal.seed'];

/** What programs of ours remember: a cache that is damaged costs time, and nothing else. */
const caches: Reader = {
  name: 'caches',
  async seed(folder) {
    process.env['XDG_CACHE_HOME'] = folder;
    await writeAll(folder, { 'data.txt': 'x' });
    await utimes(join(folder, 'data.txt'), 1000, 1000);
    const calibration = { flopsPerSecond: 1e9, measured: '2026-01-01T00:00:00.000Z' };
    await writeAll(folder, { 'strata/calibration.json': { [calibrationKey(speedShape(config), 2)]: calibration } });
    await useCaches(folder);
    const written = await cachePlaces(folder);
    for (const [i, file] of written.entries()) await copyFile(file, join(folder, cacheSeeds[i]!));
  },
  targets: cacheSeeds.map((file) => ({ file, format: 'json' })),
  async read(folder) {
    // Caches are written anew when they are used: the changed ones are put in their place.
    const places = await cachePlaces(folder);
    for (const [i, place] of places.entries()) await copyFile(join(folder, cacheSeeds[i]!), place);
    await useCaches(folder);
  },
};

const config = parseConfig({
  model_type: 'llama',
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  vocab_size: 32,
});

async function cachePlaces(folder: string): Promise<string[]> {
  const names = ['hashes.json', 'facts.json', 'strata/calibration.json'];
  const [journal = ''] = await readdir(join(folder, 'journals'));
  return [...names, `journals/${journal}`].map((name) => join(folder, name));
}

const speed = { flopsPerSecond: 1e9, node: 1e-6, kinds: { Add: 1e-10 }, optimizer: 1e-9, sum: 1e-9 };

async function useCaches(folder: string): Promise<void> {
  const hashes = hashCache(join(folder, 'hashes.json'));
  await hashes.hashFile(join(folder, 'data.txt'));
  await hashes.save();
  const facts = factCache(folder);
  await facts.remember({ a: 1 }, async () => ({ documents: 3 }));
  await facts.remember({ a: Math.random() }, async () => ({ documents: 4 }));
  await facts.save();
  await gatherMachine(config, { threads: 2, measure: async () => speed });
  const journal = await openJournal(join(folder, 'journals'), 'content');
  journal.find('a');
  journal.note('a', Float64Array.of(1, 2));
  journal.close();
}

export const recordReaders = [run, metrics, events, importance, caches];
