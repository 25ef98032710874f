import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from '../../../src/experiment/parse.ts';
import type { Experiment } from '../../../src/experiment/types.ts';
import { values } from '../../../src/model/sources.ts';
import { writeSafetensors } from '../../../src/model/writer.ts';
import { calibrationKey, speedShape } from '../../../src/plan/facts/machine.ts';
import { gather } from '../../../src/plan/gather.ts';
import { isPlannable, resolve } from '../../../src/plan/resolve.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';
import { config, headers, slayerShape } from './world.ts';

const sentence = (i: number) =>
  `Person ${i} was born in the town of number ${i * 7} and likes the colour of number ${i % 5}.`;
const lines = (n: number, text = sentence) =>
  `${Array.from({ length: n }, (_, i) => JSON.stringify({ text: text(i) })).join('\n')}\n`;

/** Files that lie still: younger ones are not remembered by the cache of hashes. */
async function put(folder: string, name: string, text: string): Promise<void> {
  const file = join(folder, name);
  await writeFile(file, text);
  const then = new Date(Date.now() - 60_000);
  await utimes(file, then, then);
}

function read(folder: string, text: string): Experiment {
  const { draft, diagnostics } = parse(text, { file: join(folder, 'x.strata.yaml') });
  assert.deepEqual(diagnostics, []);
  return draft;
}

async function lab(): Promise<string> {
  const folder = await temporaryFolder();
  process.env['XDG_CACHE_HOME'] = join(folder, 'user-cache');
  await put(folder, 'new.jsonl', lines(100));
  await put(
    folder,
    'general.txt',
    Array.from({ length: 60 }, (_, i) => `A calm day, number ${i}, passed without news.`).join('\n\n'),
  );
  await put(folder, 'rows.jsonl', `${JSON.stringify({ input_ids: [1, 2, 3, 4] })}\n`.repeat(6));
  await put(
    folder,
    'recall.jsonl',
    `${JSON.stringify({ context: 'Person 3 was born in', choices: ['town 21', 'town 4'], answer: 0 })}\n`,
  );
  return folder;
}

const stories = `strata: 1
model: ${JSON.stringify(data('reference/stories260k-hf'))}
corpora:
  new: { files: new.jsonl, field: text }
  general: { files: general.txt, split: paragraph, holdout: 0.1 }
  rows: { tokens: rows.jsonl }
tasks:
  recall: { kind: choice, files: recall.jsonl }
arms:
  s: { train: [layers 0] }
training: { corpus: new, replay: { corpus: general, share: 0.5 }, epochs: 1, batch: 2, sequence: 32, learning_rate: 1e-3 }
evaluation: { tasks: [recall, "perplexity:general"] }
compare: { forgetting: ["perplexity:general"] }
`;

test('everything that a plan needs is read, and the plan is whole', needsShared, async () => {
  const folder = await lab();
  const experiment = read(folder, stories);
  const facts = await gather(experiment, { depth: 'all' });
  assert.deepEqual(facts.problems, []);
  assert.equal(facts.model?.layers, 5);
  assert.equal(facts.model?.tokenizerSize, 512);
  assert.match(facts.base?.hash ?? '', /^[0-9a-f]{64}$/);
  assert.match(facts.base?.tokenizerHash ?? '', /^[0-9a-f]{64}$/);
  const { general, rows } = facts.contents ?? {};
  assert.deepEqual([general?.documents, general?.holdoutDocuments, general?.exact], [54, 6, true]);
  assert.deepEqual([rows?.documents, rows?.tokens, rows?.rowLength], [6, 24, 4]);
  assert.ok((facts.taskContents?.['recall']?.tokens ?? 0) > 10);
  assert.deepEqual(facts.overlaps, [
    { task: 'recall', corpora: ['new', 'general'], documents: 1, overlapping: 0, ids: [] },
    { task: 'perplexity:general', corpora: ['new', 'general'], documents: 6, overlapping: 0, ids: [] },
  ]);
  assert.ok(isPlannable(facts));
  const plan = resolve(experiment, facts);
  assert.deepEqual(plan.diagnostics, []);
  assert.equal(plan.runs.length, 1);
  assert.deepEqual(plan.runs[0]?.sources.replay, [join(folder, 'general.txt')]);
});

test('only caches are written: .strata/cache, and a .gitignore above it', needsShared, async () => {
  const folder = await lab();
  const before = await readdir(folder);
  await gather(read(folder, stories), { depth: 'all' });
  const after = await readdir(folder);
  assert.deepEqual(
    after.filter((name) => !before.includes(name)),
    ['.strata'],
  );
  assert.deepEqual((await readdir(join(folder, '.strata'))).sort(), ['.gitignore', 'cache']);
});

test('headers and files write nothing at all; headers do not look at corpora', needsShared, async () => {
  const folder = await lab();
  const before = await readdir(folder);
  const experiment = read(folder, stories);
  const shallow = await gather(experiment, { depth: 'headers' });
  assert.equal(shallow.corpora, undefined);
  assert.equal(shallow.base?.hash, undefined);
  const files = await gather(experiment, { depth: 'files' });
  assert.deepEqual(files.corpora?.['new'], { files: [join(folder, 'new.jsonl')], chat: false });
  assert.equal(files.contents, undefined);
  assert.deepEqual(await readdir(folder), before);
});

test('counts are remembered by content: known text is not read again, changed text is', needsShared, async () => {
  const folder = await lab();
  const experiment = read(folder, stories);
  const work: string[] = [];
  const seen = () => work.splice(0);
  const progress = { report: (label: string) => void work.push(label) };
  const first = await gather(experiment, { depth: 'all', progress });
  assert.ok(seen().includes('reading new'));
  const second = await gather(experiment, { depth: 'all', progress });
  assert.deepEqual(seen(), []);
  assert.deepEqual(second.contents, first.contents);
  await put(folder, 'new.jsonl', lines(101));
  const third = await gather(experiment, { depth: 'all', progress });
  assert.deepEqual([...new Set(seen())], ['reading new']);
  assert.equal(third.contents?.['new']?.documents, 101);
  assert.notEqual(third.contents?.['new']?.hash, first.contents?.['new']?.hash);
});

test('held-out text that is also trained on elsewhere is found', needsShared, async () => {
  const folder = await lab();
  const story = (i: number) =>
    `Once there was a fox of number ${i} who lived under a hill and every day it went to the river to drink.`;
  await put(folder, 'new.jsonl', lines(30, story));
  await put(folder, 'general.txt', Array.from({ length: 30 }, (_, i) => story(i)).join('\n\n'));
  const facts = await gather(read(folder, stories), { depth: 'all' });
  assert.deepEqual(
    facts.overlaps?.map((o) => [o.task, o.documents, o.overlapping]),
    [
      ['recall', 1, 0],
      ['perplexity:general', 3, 3],
    ],
  );
});

test(
  'documents of choice tasks and benchmarks that are trained on are found among those that are evaluated',
  needsShared,
  async () => {
    const folder = await lab();
    const long = (i: number) => `Once there was a fox of number ${i} who lived under a hill and went to the`;
    await put(
      folder,
      'new.jsonl',
      lines(4, (i) => `${long(i)} river.`),
    );
    const asked = [9, 2, 8, 0, 1].map((i) => ({ context: long(i), choices: ['moon', 'river'], answer: 1 }));
    await put(folder, 'own.jsonl', asked.map((record) => JSON.stringify(record)).join('\n'));
    const arc = asked.map(({ context, choices }, id) => ({
      id,
      question: { stem: context, choices: choices.map((text, i) => ({ text, label: 'AB'[i] })) },
      answerKey: 'B',
    }));
    await put(folder, 'arc.jsonl', arc.map((record) => JSON.stringify(record)).join('\n'));
    const tasks = `
tasks:
  own: { kind: choice, files: own.jsonl, limit: 0.8 }
  gain: { kind: choice, files: own.jsonl }
  some: { benchmark: arc_easy, files: { test: arc.jsonl }, documents: "1-2,4" }
`;
    const text = stories
      .replace(/\ntasks:\n.*\n/, tasks)
      .replace(/evaluation:.*\n.*\n/, 'evaluation: { tasks: [own, gain, some] }\ncompare: { gain: gain }\n');
    const facts = await gather(read(folder, text), { depth: 'all' });
    assert.deepEqual(facts.problems, []);
    assert.deepEqual(
      facts.overlaps?.map((o) => [o.task, o.documents, o.ids]),
      [
        ['own', 4, [1, 3]],
        ['some', 3, [1, 4]],
      ],
    );
    assert.deepEqual(
      ['own', 'gain', 'some'].map((name) => facts.taskContents?.[name]?.documents),
      [4, 5, 3],
    );
  },
);

test('text above 16 MiB is sampled, and marked so', needsShared, async () => {
  const folder = await lab();
  const document = 'A long and quiet story that goes on and on, for as long as anyone can listen. '.repeat(200).trim();
  await put(folder, 'general.txt', `${document}\n\n`.repeat(1200));
  const { contents } = await gather(read(folder, stories.replace(', holdout: 0.1', '')), { depth: 'all' });
  const { documents, tokens, exact } = contents!['general']!;
  assert.deepEqual([documents, exact], [1200, false]);
  // Equal documents: what the sample says holds for all. BOS and EOS stand around each.
  assert.equal(tokens % 1200, 0);
  assert.ok(tokens / 1200 > document.length / 5);
});

const broken: [name: string, from: string, to: string, where: (string | number)[] | string, code: string][] = [
  ['a model that is not there', data('reference/stories260k-hf'), '/nowhere/model', ['model'], 'file-missing-model'],
  ['files that are not there', 'files: new.jsonl', 'files: gone.jsonl', 'corpora.new', 'file-missing'],
  ['a field that is not there', 'field: text', 'field: body', 'corpora.new', 'field-missing'],
  ['rows that are text', 'tokens: rows.jsonl', 'tokens: new.jsonl', 'corpora.rows', 'token-rows-broken'],
  [
    'records of another kind',
    'kind: choice, files: recall.jsonl',
    'kind: choice, files: new.jsonl',
    'tasks.recall',
    'invalid-task-record',
  ],
  ['a pattern that matches nothing', 'files: recall.jsonl', 'files: "recall-*.jsonl"', 'tasks.recall', 'task-empty'],
];
for (const [name, from, to, where, code] of broken)
  test(`${name}: a fact, not an exception (${code})`, needsShared, async () => {
    const folder = await lab();
    const facts = await gather(read(folder, stories.replace(from, to)), { depth: 'all' });
    if (typeof where === 'string') {
      const [kind, key] = where.split('.') as ['corpora' | 'tasks', string];
      assert.equal(facts[kind]?.[key]?.problem?.code, code);
    } else
      assert.deepEqual(
        facts.problems.map((p) => [p.path, p.code]).filter(([path]) => String(path) === String(where)),
        [[where, code]],
      );
  });

test(
  'an adapter brings its rank, weights and hash; one for another model is a problem at its place',
  needsShared,
  async () => {
    const folder = await lab();
    const arms = (model: string) => `strata: 1
model: ${JSON.stringify(data(model))}
corpora: { rows: { tokens: rows.jsonl } }
arms: { a: { lora: { adapter: ${JSON.stringify(data('reference/training/lora-init'))} } } }
training: { corpus: rows, steps: 1, batch: 1, sequence: 4, learning_rate: 1e-3 }
`;
    const facts = await gather(read(folder, arms('reference/tiny-llama')), { depth: 'all' });
    assert.deepEqual(facts.problems, []);
    const adapter = facts.adapters?.['a'];
    assert.ok(adapter && adapter.rank > 0 && adapter.weights.length > 0);
    assert.match(adapter.hash ?? '', /^[0-9a-f]{64}$/);
    const other = await gather(read(folder, arms('reference/slayer/base')), { depth: 'all' });
    assert.deepEqual(
      other.problems.map((p) => p.path),
      [['arms', 'a', 'lora', 'adapter']],
    );
  },
);

test('token rows need no tokenizer, and the speed of this machine is measured once', async () => {
  const folder = await lab();
  await mkdir(join(folder, 'model'));
  await writeFile(join(folder, 'model', 'config.json'), JSON.stringify({ ...slayerShape, num_hidden_layers: 1 }));
  const tensors = [...headers(config({ num_hidden_layers: 1 })).values()].map(({ name, shape }) =>
    values(name, shape, 'F32', new Float32Array(shape.reduce((a, b) => a * b, 1))),
  );
  await writeSafetensors(join(folder, 'model', 'model.safetensors'), tensors);
  const experiment = read(
    folder,
    `strata: 1
model: model
corpora: { rows: { tokens: rows.jsonl } }
arms: { a: { train: [all] } }
training: { corpus: rows, steps: 1, batch: 1, sequence: 4, learning_rate: 1e-3 }
`,
  );
  const speed = {
    flopsPerSecond: 5e9,
    node: 1e-5,
    kinds: { Add: 1e-10, 'matrix product': 1e-11 },
    optimizer: 1e-9,
    sum: 1e-9,
  };
  let measured = 0;
  const measure = async () => {
    measured++;
    return speed;
  };
  const options = { depth: 'all' as const, threads: 3, measure };
  const first = await gather(experiment, options);
  const second = await gather(experiment, options);
  assert.deepEqual([first.problems, second.problems], [[], []]);
  assert.equal(measured, 1);
  assert.deepEqual(second.machine?.speed, speed);
  assert.ok(isPlannable(second));
  // A week later it is measured again; who may not load the engine still has the old number.
  const file = join(folder, 'user-cache', 'strata', 'calibration.json');
  await writeFile(file, (await readFile(file, 'utf8')).replace(/"measured": "\d+/, '"measured": "2020'));
  assert.deepEqual((await gather(experiment, { ...options, measure: undefined })).machine?.speed, speed);
  await gather(experiment, options);
  assert.equal(measured, 2);
  const plan = resolve(experiment, second);
  assert.equal(plan.runs.length, 1);
  assert.ok(plan.arms[0]!.cost.seconds! > 0);
});

test('the shape that speed is measured with is the model’s, and no wider than full speed needs', () => {
  const seven = speedShape(
    config({ hidden_size: 4096, intermediate_size: 11008, num_attention_heads: 32, num_key_value_heads: 8 }),
  );
  assert.deepEqual(seven, { hiddenSize: 1024, intermediateSize: 2752, heads: 8, kvHeads: 2, headDim: 128 });
  assert.match(calibrationKey(seven, 2), /2 threads, cpu, hidden 1024, inner 2752, heads 8\/2 of 128$/);
  assert.deepEqual(speedShape(config()), { hiddenSize: 16, intermediateSize: 32, heads: 2, kvHeads: 2, headDim: 8 });
});
