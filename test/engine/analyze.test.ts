import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AnalysisRequest, type AnalysisTools, analyze } from '../../src/analyze/analyze.ts';
import { openJournal } from '../../src/analyze/journal.ts';
import { scanLayers, type Variant, variants } from '../../src/analyze/scan.ts';
import { noProgress } from '../../src/base/log.ts';
import { openTokenizer } from '../../src/data/tokenizer.ts';
import { ForwardPasses } from '../../src/engine/forward-passes.ts';
import { createGenerator } from '../../src/engine/generator.ts';
import { createScorer } from '../../src/engine/scorer.ts';
import { evaluateTask } from '../../src/evaluate/tasks.ts';
import { openModel } from '../../src/model/open.ts';
import type { TaskRequest } from '../../src/plan/types.ts';
import { data, needsShared, temporaryFolder } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';
import { maxDifference, readJson } from './support.ts';

const all: Variant[] = ['removal', 'duplication'];

async function tiny(layers = 4): Promise<AnalysisTools> {
  const folder = await temporaryFolder();
  await writeTinyModel(folder, { layers, hidden: 16 });
  const model = await openModel(folder);
  const tokenizer = await openTokenizer(folder);
  return { model, modelHash: 'tiny', tokenizer, threads: 1, journalFolder: undefined, progress: noProgress };
}

async function lines(name: string, records: object[]): Promise<string> {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return file;
}

const texts = Array.from({ length: 12 }, (_, i) => ({
  text: `The number ${i} comes before ${i + 1}.`.repeat(1 + (i % 3)),
}));

test('every metric equals the reference on eight rows of a real model', needsShared, async () => {
  const folder = data('reference/stories260k-hf');
  const { layer_analysis: reference } = await readJson<{
    layer_analysis: {
      input_ids: number[][];
      values: {
        angular_all_tokens: number[];
        shortgpt_bi: number[];
        gromov_last_token: Record<string, number[]>;
        base_nll: number;
        nll_layer_removed: number[];
        nll_layer_duplicated: number[];
      };
    };
  }>(join(folder, 'reference.json'));
  const { values } = reference;
  const rows = await lines(
    'rows.jsonl',
    reference.input_ids.map((input_ids) => ({ input_ids })),
  );
  const found = await analyze(
    {
      metrics: ['angular', 'influence', 'removal', 'duplication'],
      tokens: 32768,
      corpora: [{ name: 'rows', files: [rows], source: { kind: 'tokens' } }],
      tasks: [],
    },
    {
      model: await openModel(folder),
      modelHash: 'stories',
      tokenizer: undefined,
      threads: 1,
      journalFolder: undefined,
      progress: noProgress,
    },
  );
  const change = (nlls: number[]) => nlls.map((x) => x - values.base_nll);
  assert.equal(found.tokens, 1024);
  assert.ok(Math.abs(found.nll - values.base_nll) < 1e-5);
  assert.ok(maxDifference(found.metrics['angular']!, values.angular_all_tokens) < 1e-6);
  assert.ok(maxDifference(found.metrics['influence']!, values.shortgpt_bi) < 1e-6);
  assert.ok(maxDifference(found.metrics['removal']!, change(values.nll_layer_removed)) < 1e-5);
  assert.ok(maxDifference(found.metrics['duplication']!, change(values.nll_layer_duplicated)) < 1e-5);
  for (const [size, distances] of Object.entries(values.gromov_last_token)) {
    const n = Number(size.slice('n='.length));
    assert.ok(maxDifference(found.blocks![n - 1]!, distances) < 1e-6, size);
  }
});

test('scores with shared beginnings are those of each changed model by itself, bit for bit', async () => {
  const { model } = await tiny();
  const ids = (length: number, seed: number) => Array.from({ length }, (_, i) => 2 + ((i * 7 + seed * 13) % 200));
  // Lengths that fill several batches, and beginnings that requests have in common.
  const requests = Array.from({ length: 30 }, (_, i) => ({
    context: ids(5 + (i % 4) * 9, Math.floor(i / 3)),
    continuation: ids(1 + (i % 5), i),
  }));
  const passes = new ForwardPasses(model, { threads: 1 });
  const journal = await openJournal(undefined, {});
  const scanned = await scanLayers({ passes, requests, variants: all, observers: [], journal, onProgress() {} });
  await passes.dispose();
  const { layers } = model.config;
  const alone = async (stack?: number[]) => {
    const scorer = await createScorer(model, { threads: 1, ...(stack && { stack }) });
    const results = await scorer.score(requests);
    await scorer.dispose();
    return results;
  };
  assert.deepEqual(scanned.base, await alone());
  for (const variant of all) {
    for (let layer = 0; layer < layers; layer++) {
      assert.deepEqual(scanned.changed[variant][layer], await alone(variants[variant].whole(layer, layers)));
    }
  }
});

test('progress counts up to its total, also where everything was known', async () => {
  const tools = await tiny();
  const folder = await temporaryFolder();
  const file = await lines('texts.jsonl', texts);
  const seen = async () => {
    const reports: [number, number][] = [];
    const progress = { report: (_: string, done: number, total: number) => void reports.push([done, total]) };
    await analyze(request(file), { ...tools, journalFolder: folder, progress });
    return reports;
  };
  const first = await seen();
  assert.ok(first.every(([done], i) => i === 0 || done > first[i - 1]![0]));
  assert.equal(first.at(-1)![0], first.at(-1)![1]);
  const second = await seen();
  assert.deepEqual(second.at(-1), first.at(-1));
  assert.ok(second.length < first.length, 'nothing is computed twice');
});

const request = (file: string, more: Partial<AnalysisRequest> = {}): AnalysisRequest => ({
  metrics: ['angular', 'influence', 'removal', 'duplication', 'attention'],
  tokens: 400,
  corpora: [{ name: 'texts', files: [file], source: { kind: 'text' } }],
  tasks: [],
  ...more,
});

test('stopped anywhere and gone on with, an analysis ends bit for bit as one that was not', async () => {
  const tools = await tiny();
  const file = await lines('texts.jsonl', texts);
  const whole = await analyze(request(file), tools);
  const journalFolder = await temporaryFolder();
  let stops = 0;
  for (let limit = 3; ; limit += 3) {
    let left = limit;
    const progress = {
      report() {
        if (left-- === 0) throw new Error('stopped');
      },
    };
    const outcome = await analyze(request(file), { ...tools, journalFolder, progress }).catch((error: Error) => error);
    if (outcome instanceof Error) {
      assert.equal(outcome.message, 'stopped');
      stops++;
      continue;
    }
    assert.equal(JSON.stringify(outcome), JSON.stringify(whole));
    break;
  }
  assert.ok(stops > 3, `it was stopped ${stops} times`);
});

test('the attention of each corpus is described, and only the first ranks layers', async () => {
  const tools = await tiny();
  const corpus = async (name: string, own: object[]) => ({
    name,
    files: [await lines(`${name}.jsonl`, own)],
    source: { kind: 'text' as const },
  });
  const corpora = [await corpus('a', texts), await corpus('b', texts.slice(0, 3))];
  const found = await analyze(request('', { corpora }), tools);
  assert.equal(found.corpus, 'a');
  assert.deepEqual(Object.keys(found.attention!), ['a', 'b']);
  const alone = await analyze(request('', { corpora: corpora.slice(0, 1) }), tools);
  assert.deepEqual(found.metrics, alone.metrics);
  assert.deepEqual(found.attention!['a'], alone.attention!['a']);
  for (const { entropy, first_token, distance } of Object.values(found.attention!)) {
    assert.ok(entropy.every((x) => x > 0));
    assert.ok(first_token.every((x) => x > 0 && x < 1));
    assert.ok(distance.every((x) => x > 0));
  }
});

test('tasks that score and tasks that generate lose what each changed model loses by itself', async () => {
  const tools = await tiny(3);
  const { model, tokenizer } = tools;
  const file = await lines('texts.jsonl', texts);
  const choices = await lines(
    'choice.jsonl',
    texts.map((_, i) => ({ context: `After ${i} comes`, choices: ['one', 'two', 'three'], answer: i % 3 })),
  );
  const answers = await lines(
    'generate.jsonl',
    texts.slice(0, 5).map((_, i) => ({ context: `twice ${i} is`, answer: 'x' })),
  );
  const own = { target_delimiter: ' ', shot_delimiter: '\n\n', shots: 0, sampler: 'first' as const, chat: false };
  const tasks: TaskRequest[] = [
    { name: 'choose', spec: { kind: 'choice', files: [choices], ...own }, files: [choices], hash: 'c' },
    {
      name: 'write',
      spec: { kind: 'generate', files: [answers], max_tokens: 4, stop: ['\n'], match: 'regex', ...own },
      files: [answers],
      hash: 'g',
    },
  ];
  const found = await analyze(request(file, { metrics: ['removal', 'duplication'], tasks }), tools);
  for (const task of tasks) {
    const metric = found.tasks![task.name]!.metric;
    for (const variant of all) {
      const drops = found.tasks![task.name]!.drops[variant]!;
      for (let layer = 0; layer < 3; layer++) {
        const stack = variants[variant].whole(layer, 3);
        const scorer = await createScorer(model, { threads: 1, stack });
        const generator = await createGenerator(model, { threads: 1, stack });
        const { scores } = await evaluateTask(task, { scorer, generator, tokenizer });
        await scorer.dispose();
        await generator.dispose();
        const drop = found.tasks![task.name]!.base - scores[metric]!.value;
        assert.ok(Math.abs(drops[layer]! - drop) < 1e-12, `${task.name}, ${variant} ${layer}`);
      }
    }
  }
});

test('a corpus without two tokens in a row says what to do', async () => {
  const file = await lines('texts.jsonl', texts);
  await assert.rejects(analyze(request(file, { tokens: 1 }), await tiny()), { message: /no two tokens in a row/ });
});
