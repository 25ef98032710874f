import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { sha256 } from '../../../src/base/hash.ts';
import { resolveBenchmark } from '../../../src/data/benchmark-data.ts';
import { pooledScore } from '../../../src/evaluate/metrics.ts';
import { pythonRandom } from '../../../src/evaluate/python-random.ts';
import { evaluateTask } from '../../../src/evaluate/tasks.ts';
import type { BenchmarkTask } from '../../../src/experiment/types.ts';
import type { TaskRequest } from '../../../src/plan/types.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';
import { referenceSamples } from './reference.ts';
import { fakeTools } from './support.ts';

const folder = await temporaryFolder();
async function written(path: string, records: readonly object[] | string): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof records === 'string' ? records : records.map((r) => `${JSON.stringify(r)}\n`).join(''));
  return file;
}
async function request(spec: Omit<BenchmarkTask, 'kind'>, dataFolder?: string): Promise<TaskRequest> {
  const task: BenchmarkTask = { kind: 'benchmark', ...spec };
  const parts = await resolveBenchmark(task, folder, dataFolder);
  return { name: 'task', spec: task, files: parts.flatMap((p) => p.files), parts, hash: '' };
}
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const piqa = (n: number) => range(n).map((i) => ({ goal: `G${i}`, sol1: 'a', sol2: 'b', label: i % 2 }));
const gsm = (n: number, name: string) => range(n).map((i) => ({ question: `${name}${i}`, answer: `#### ${i}` }));
const flat = () => fakeTools(() => -1);

describe('benchmarks against lm-evaluation-harness', needsShared, () => {
  const files = {
    arc: { validation: data('arc/ARC-Challenge-Dev.jsonl'), test: data('arc/ARC-Challenge-Test.jsonl') },
    mmlu: { dev: data('mmlu/high_school_chemistry_dev.csv'), test: data('mmlu/high_school_chemistry_test.csv') },
  };
  const table = [
    ['arc_0shot', 'arc_challenge', files.arc],
    ['arc_3shot', 'arc_challenge', files.arc],
    ['arc_25shot', 'arc_challenge', files.arc],
    ['mmlu_0shot', 'mmlu_high_school_chemistry', files.mmlu],
    ['mmlu_5shot', 'mmlu_high_school_chemistry', files.mmlu],
  ] as const;
  for (const [name, benchmark, splits] of table) {
    test(`${name}: prompts, hashes and scores of every document`, async () => {
      const results = JSON.parse(await readFile(data('reference/lm-eval/results.json'), 'utf8')).tasks[name];
      const want = referenceSamples(name);
      const loglikelihoods = want.flatMap((s) => s.loglikelihoods);
      const task = await request({ benchmark, files: splits, shots: results.num_fewshot, limit: want.length });
      const { samples, scores } = await evaluateTask(
        task,
        fakeTools((_, i) => loglikelihoods[i]!),
      );
      const fields = ['doc_id', 'context', 'continuations', 'gold', 'acc', 'prompt_hash', 'target_hash'];
      if (benchmark === 'arc_challenge') fields.push('acc_norm');
      assert.equal(samples.length, want.length);
      for (const [i, sample] of samples.entries())
        for (const field of fields) assert.deepEqual(sample[field], want[i]![field], `${field} of document ${i}`);
      assert.ok(Math.abs(scores['acc']!.stderr! - results.results['acc_stderr,none']) < 1e-12);
    });
  }
});

describe('labels in a file of their own', () => {
  const records = range(3).map((i) => ({ goal: `G${i}`, sol1: 'a', sol2: 'b' }));
  const asLines = (values: unknown[]) => values.map((v) => JSON.stringify(v)).join('\n');

  test('PIQA as it was published: named by the task, and found in the folder of data', async () => {
    const there = join(folder, 'published');
    await mkdir(join(there, 'piqa'), { recursive: true });
    await writeFile(join(there, 'piqa/valid.jsonl'), asLines(records));
    await writeFile(join(there, 'piqa/valid-labels.lst'), '1\n0\n1\n');
    for (const task of [
      await request({ benchmark: 'piqa', files: { validation: join(there, 'piqa/valid.jsonl') } }),
      await request({ benchmark: 'piqa', files: {} }, there),
    ]) {
      assert.deepEqual(
        task.files.map((file) => basename(file)),
        ['valid.jsonl', 'valid-labels.lst'],
      );
      const { samples } = await evaluateTask(task, flat());
      assert.deepEqual(
        samples.map((s) => s['gold']),
        [1, 0, 1],
      );
    }
  });

  test('too few of them, or none, are a sentence', async () => {
    const validation = await written('few.jsonl', records);
    await assert.rejects(
      evaluateTask(await request({ benchmark: 'piqa', files: { validation } }), flat()),
      /has no label 0 or 1/,
    );
    await writeFile(validation.replace('.jsonl', '-labels.lst'), '1\n0\n');
    await assert.rejects(
      evaluateTask(await request({ benchmark: 'piqa', files: { validation } }), flat()),
      /2 labels for 3 records/,
    );
  });
});

describe('shots of a benchmark', () => {
  test('of a task whose evaluated split is its own for shots: one more is drawn, equal records are dropped', async () => {
    const records = piqa(40);
    const validation = await written('piqa.jsonl', records);
    const { samples } = await evaluateTask(
      await request({ benchmark: 'piqa', files: { validation }, shots: 3 }),
      flat(),
    );
    const generator = pythonRandom(1234);
    for (const { doc_id, context } of samples) {
      const drawn = generator.sample(range(40), 4).filter((i) => i !== doc_id);
      const shots = drawn.slice(0, 3).map((i) => `Question: G${i}\nAnswer: ${i % 2 ? 'b' : 'a'}\n\n`);
      assert.equal(context, `${shots.join('')}Question: G${doc_id}\nAnswer:`);
    }
  });

  test('come from train; without it from the next in order; last from the evaluated split, never the document itself', async () => {
    const files = {
      train: await written('train.jsonl', gsm(30, 'T')),
      test: await written('test.jsonl', gsm(4, 'E')),
    };
    const context = async (given: BenchmarkTask['files']) => {
      const task = await request({ benchmark: 'gsm8k', files: given, shots: 3 });
      const { samples } = await evaluateTask(
        task,
        fakeTools(() => 0, ['', '', '', '']),
      );
      return samples.map((s) => s['context'] as string);
    };
    const generator = pythonRandom(1234);
    for (const [i, text] of (await context(files)).entries()) {
      const shots = generator.sample(range(30), 3).map((j) => `Question: T${j}\nAnswer: #### ${j}\n\n`);
      assert.equal(text, `${shots.join('')}Question: E${i}\nAnswer:`);
    }
    for (const [i, text] of (await context({ test: files.test })).entries()) {
      assert.equal(text.split(`Question: E${i}\n`).length, 2);
      assert.equal(text.split('Question:').length, 5);
    }
  });

  test('a list of documents restarts the generator; doc_id stays the index in the split', async () => {
    const files = { train: await written('train.jsonl', gsm(30, 'T')), test: await written('test.jsonl', gsm(9, 'E')) };
    const shotsOf = async (documents?: string) => {
      const task = await request({ benchmark: 'gsm8k', files, shots: 2, documents });
      const { samples } = await evaluateTask(
        task,
        fakeTools(() => 0, range(9).map(String)),
      );
      return samples.map((s) => [s.doc_id, (s['context'] as string).split('Question: E')[0]]);
    };
    const all = await shotsOf();
    assert.deepEqual(await shotsOf('4-5'), [
      [4, all[0]![1]],
      [5, all[1]![1]],
    ]);
  });

  test('gsm8k_cot has eight fixed ones and strict and flexible answers', async () => {
    const test_ = await written('cot.jsonl', gsm(2, 'E'));
    const task = await request({ benchmark: 'gsm8k_cot', files: { test: test_ } });
    const answers = [' 0. The answer is 0.', ' I think 7 or 1'];
    const { samples, scores } = await evaluateTask(
      task,
      fakeTools(() => 0, answers),
    );
    const context = samples[0]!['context'] as string;
    assert.ok(context.startsWith('Q: There are 15 trees in the grove.'));
    assert.ok(context.endsWith('The answer is 8.\n\nQ: E0\nA:'));
    assert.equal(context.split('Q: ').length, 10);
    assert.equal(samples[0]!.target_hash, sha256('0'));
    assert.deepEqual(
      samples.map((s) => [s['filtered'], s['exact_match_strict'], s['exact_match_flexible']]),
      [
        [{ strict: '0', flexible: '0.' }, 1, 1],
        [{ strict: '[invalid]', flexible: '1' }, 0, 1],
      ],
    );
    assert.equal(scores['exact_match_strict']!.value, 0.5);
  });

  test('as a chat are turns of their own', async () => {
    const files = { train: await written('train.jsonl', gsm(30, 'T')), test: await written('chat.jsonl', gsm(1, 'E')) };
    const task = await request({ benchmark: 'gsm8k', files, shots: 1, chat: true });
    const { samples } = await evaluateTask(
      task,
      fakeTools(() => 0, ['']),
    );
    assert.match(
      samples[0]!['context'] as string,
      /^<s>\[user\]Question: T\d+\nAnswer:\[assistant\]#### \d+\[user\]Question: E0\nAnswer:\[assistant\]$/,
    );
  });
});

describe('forms of choice', () => {
  test('winogrande scores one text after two contexts', async () => {
    const validation = await written('winogrande.jsonl', [
      { sentence: 'A _ ran.', option1: 'x', option2: 'y', answer: '2' },
      { sentence: 'B _ sat.', option1: 'x', option2: 'y', answer: '1' },
    ]);
    const tools = fakeTools((_, i) => [-3, -2, -1, -2][i]!);
    const task = await request({ benchmark: 'winogrande', files: { validation }, shots: 1 });
    const { samples, scores } = await evaluateTask(task, tools);
    assert.deepEqual(samples[0]!['contexts'], ['B x sat.\n\nA x', 'B x sat.\n\nA y']);
    assert.deepEqual(samples[0]!['continuations'], [' ran.', ' ran.']);
    assert.equal(samples[0]!.prompt_hash, sha256('B x sat.\n\nA x'));
    assert.deepEqual(scores, { acc: { value: 1, stderr: 0, n: 2 } });
  });

  test('truthfulqa_mc2 is the share of probability of the true choices', async () => {
    const targets = { choices: ['t', 'f', 'u'], labels: [1, 0, 1] };
    const validation = await written('tqa.jsonl', [{ question: 'Q?', mc2_targets: targets }]);
    const tools = fakeTools((_, i) => Math.log([0.2, 0.1, 0.1][i]!));
    const { scores } = await evaluateTask(await request({ benchmark: 'truthfulqa_mc2', files: { validation } }), tools);
    assert.ok(Math.abs(scores['acc']!.value - 0.75) < 1e-12);
  });

  test('tokens cut off at the left are counted document by document', async () => {
    const validation = await written('long.jsonl', [
      { goal: 'x'.repeat(80), sol1: 'a', sol2: 'bb', label: 0 },
      { goal: 'x', sol1: 'a', sol2: 'b', label: 0 },
    ]);
    const { samples } = await evaluateTask(await request({ benchmark: 'piqa', files: { validation } }), flat());
    // 1 + 98 + 3 tokens do not fit into 64 positions and the last one, which is only predicted.
    assert.deepEqual(
      samples.map((s) => s['truncated']),
      [37, 0],
    );
  });
});

test('wikitext counts words and bytes of the page before detokenisation, and predicts BOS like any token', async () => {
  const test_ = await written('wiki.txt', ' = A = \n b , c \n = D = \n e');
  const tools = fakeTools((r) => -r.continuation.length);
  const { samples, scores } = await evaluateTask(
    await request({ benchmark: 'wikitext', files: { test: test_ } }),
    tools,
  );
  assert.deepEqual(
    samples.map(({ prompt_hash, tokens, words, bytes }) => [prompt_hash, tokens, words, bytes]),
    [
      [sha256(' = A =\nb, c '), 13, 8, 15],
      [sha256(' = D =\ne'), 9, 5, 10],
    ],
  );
  assert.ok(Math.abs(scores['byte_perplexity']!.value - Math.exp(22 / 25)) < 1e-12);
  const pages = await written('pages.jsonl', [{ page: ' = A = \n b , c ' }]);
  const again = await evaluateTask(await request({ benchmark: 'wikitext', files: { test: pages } }), tools);
  assert.equal(again.samples[0]!.prompt_hash, samples[0]!.prompt_hash);
});

describe('a group', async () => {
  const math = (type: string, n: number) =>
    range(n).map((i) => ({ problem: `${type}${i}`, solution: `\\boxed{${i}}`, type }));
  const types = [
    'Algebra',
    'Counting & Probability',
    'Geometry',
    'Intermediate Algebra',
    'Number Theory',
    'Prealgebra',
    'Precalculus',
  ];
  const one = await written(
    'math/all.jsonl',
    types.flatMap((type) => math(type, 3)),
  );

  test('evaluates its members from one file, numbers documents through, and pools the errors', async () => {
    const tools = fakeTools(() => 0, ['$0$', '1', 'x']);
    const { samples, scores } = await evaluateTask(
      await request({ benchmark: 'hendrycks_math', files: { test: one } }),
      tools,
    );
    assert.deepEqual(
      samples.map((s) => s.doc_id),
      range(21),
    );
    assert.deepEqual(samples[20]!['benchmark'], 'hendrycks_math_precalc');
    // sd² = 1/3 in every member: sqrt(Σ (n−1)·(1/3/n)·n / (Σn − k) / Σn)
    const { value, stderr, n } = scores['exact_match']!;
    assert.ok(Math.abs(value - 2 / 3) < 1e-12 && n === 21);
    assert.ok(Math.abs(stderr! - Math.sqrt((7 * 2 * (1 / 3)) / 14 / 21)) < 1e-12);
  });

  test('members of unequal size weigh as many documents as they have: values of the harness', () => {
    // lm_eval/api/metrics.py, aggregate_subtask_metrics and pooled_sample_stderr
    const members = [
      { value: 0.6, stderr: 0.049236596391733084, n: 100 },
      { value: 0.3, stderr: 0.10513149660756936, n: 20 },
      { value: 0.25, stderr: 0.25, n: 4 },
    ];
    const { value, stderr, n } = pooledScore(members);
    assert.ok(Math.abs(value - 0.5403225806451613) < 1e-15 && n === 124);
    assert.ok(Math.abs(stderr! - 0.04392590887552799) < 1e-15);
    assert.equal(pooledScore([...members, { value: 1, stderr: null, n: 1 }]).stderr, null);
  });

  test('a limit holds for each member; a list of documents is refused', async () => {
    const tools = fakeTools(() => 0, ['$0$', '1', 'x']);
    const task = await request({ benchmark: 'hendrycks_math', files: { test: one }, limit: 1 });
    assert.deepEqual(
      (await evaluateTask(task, tools)).samples.map((s) => s.doc_id),
      [0, 3, 6, 9, 12, 15, 18],
    );
    await assert.rejects(evaluateTask(task, tools, undefined, { documents: [0] }), /is a group/);
  });

  test('names the members whose data are missing', async () => {
    await written('there/mmlu/anatomy_test.csv', 'Q,a,b,c,d,A\n');
    await assert.rejects(
      request({ benchmark: 'mmlu_stem', files: {} }, join(folder, 'there')),
      /The data of mmlu_abstract_algebra, mmlu_astronomy, mmlu_college_biology and 15 more are missing/,
    );
  });
});

describe('where data are looked for', () => {
  test('in the folder of data sets, in their published layouts, the first that is there', async () => {
    const root = join(folder, 'data');
    await written('data/arc/ARC-Easy/ARC-Easy-Test.jsonl', []);
    const file = await written('data/ai2_arc/ARC-Easy/test-00000-of-00001.parquet', '');
    const [part] = (await request({ benchmark: 'arc_easy', files: {} }, root)).parts!;
    assert.deepEqual(part, { benchmark: 'arc_easy', split: 'test', files: [file] });
    const original = await written('data/winogrande/dev.jsonl', []);
    const [other] = (await request({ benchmark: 'winogrande', files: {} }, root)).parts!;
    assert.deepEqual(other!.files, [original]);
  });

  test('files that the task names go before; `{subject}` is the subject', async () => {
    const named = await written('own/anatomy.csv', '');
    const task = { benchmark: 'mmlu_anatomy', files: { test: 'own/{subject}.csv' } };
    assert.deepEqual((await request(task, join(folder, 'data'))).files, [named]);
  });

  test('validation stands in for a test split that is not there, and that is said', async () => {
    const validation = await written('dev-only.jsonl', [
      { question: 'Q?', choices: { text: ['a', 'b'], label: ['A', 'B'] }, answerKey: 'A' },
    ]);
    const task = await request({ benchmark: 'arc_easy', files: { validation } });
    const { warnings } = await evaluateTask(task, flat());
    assert.deepEqual(warnings, ['Evaluated on the validation split: there is no test split here.']);
  });

  test('nothing there, and no folder named, are sentences', async () => {
    await assert.rejects(request({ benchmark: 'piqa', files: {} }, join(folder, 'none')), /no validation split in/);
    await assert.rejects(request({ benchmark: 'piqa', files: {} }, ''), /STRATA_DATA is not set/);
    await assert.rejects(request({ benchmark: 'piqa', files: { test: 'x' } }), /"files" names no validation split/);
    const empty = await written('empty.jsonl', []);
    const task = await request({ benchmark: 'piqa', files: { validation: empty } });
    await assert.rejects(evaluateTask(task, flat()), /There is no record of piqa/);
  });
});
