import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { evaluateTask } from '../../../src/evaluate/tasks.ts';
import type { ChoiceTask, GenerateTask, TaskSpec } from '../../../src/experiment/types.ts';
import type { TaskRequest } from '../../../src/plan/types.ts';
import { temporaryFolder } from '../../support.ts';
import { fakeTools } from './support.ts';

const folder = await temporaryFolder();
let serial = 0;
async function written(lines: readonly (object | string)[], suffix = 'jsonl'): Promise<string> {
  const file = join(folder, `${serial++}.${suffix}`);
  await writeFile(file, lines.map((l) => (typeof l === 'string' ? l : JSON.stringify(l))).join('\n'));
  return file;
}
const request = (spec: TaskSpec, files: string[], more: Partial<TaskRequest> = {}): TaskRequest => ({
  name: 'task',
  spec,
  files,
  hash: '',
  ...more,
});
const own = { files: [], target_delimiter: ' ', shot_delimiter: '\n\n', shots: 0, chat: false } as const;
const choice: ChoiceTask = { ...own, files: [], kind: 'choice', sampler: 'random' };
const generate: GenerateTask = {
  ...own,
  files: [],
  kind: 'generate',
  sampler: 'first',
  max_tokens: 8,
  stop: ['\n'],
  match: 'exact',
};

describe('a choice task', () => {
  test('takes the likeliest choice; acc_norm counts code points, acc_bytes bytes, ties go to the first', async () => {
    const file = await written([
      { context: 'Q', choices: ['ab', 'öööö'], answer: 1 },
      { context: 'Q', choices: ['a', 'b'], answer: 1 },
    ]);
    const values = [-4, -6, -1, -1];
    const { samples, scores } = await evaluateTask(
      request(choice, [file]),
      fakeTools((_, i) => values[i]!),
    );
    const rows = samples.map(({ acc, acc_norm, acc_bytes }) => [acc, acc_norm, acc_bytes]);
    // −4/2 < −6/4 in code points and −4/2 < −6/8 in bytes; −4 > −6 as they are.
    assert.deepEqual(rows, [
      [0, 1, 1],
      [0, 0, 0],
    ]);
    assert.deepEqual(scores['acc_norm'], { value: 0.5, stderr: 0.5, n: 2 });
  });

  test('one document has no standard error', async () => {
    const file = await written([{ context: 'Q', choices: ['a', 'b'], answer: 0 }]);
    const { scores } = await evaluateTask(
      request(choice, [file]),
      fakeTools(() => -1),
    );
    assert.deepEqual(scores['acc'], { value: 1, stderr: null, n: 1 });
  });

  test('as a chat has no delimiter before the choice', async () => {
    const file = await written([{ context: 'Q', choices: ['a', 'b'], answer: 0 }]);
    const tools = fakeTools(() => -1);
    const { samples } = await evaluateTask(request({ ...choice, chat: true }, [file]), tools);
    assert.equal(samples[0]!['context'], '<s>[user]Q[assistant]');
    assert.deepEqual(samples[0]!['continuations'], ['a', 'b']);
    // The template wrote BOS; it is not put in front again.
    assert.deepEqual(tools.requests[0]!.context.slice(0, 2), [1, '['.codePointAt(0)]);
  });

  test('says how many documents were cut off at the left', async () => {
    const file = await written([
      { context: 'x'.repeat(80), choices: ['a', 'b'], answer: 0 },
      { context: 'Q', choices: ['a', 'b'], answer: 0 },
    ]);
    const { warnings } = await evaluateTask(
      request(choice, [file]),
      fakeTools(() => -1),
    );
    assert.deepEqual(warnings, [
      "1 of 2 documents do not fit the model's 64 positions; up to 18 tokens were cut off at the left.",
    ]);
  });

  test('needs a tokenizer', async () => {
    const file = await written([{ context: 'Q', choices: ['a', 'b'], answer: 0 }]);
    const tools = { ...fakeTools(() => -1), tokenizer: undefined };
    await assert.rejects(evaluateTask(request(choice, [file]), tools), /has no tokenizer\.json/);
  });
});

describe('records that are wrong are named by file and line', () => {
  const good = { context: 'Q', choices: ['a', 'b'], answer: 0 };
  const table: [TaskSpec, object | string, RegExp][] = [
    [choice, '{"context": ', /is not JSON/],
    [choice, '[1]', /is not a JSON object/],
    [choice, { ...good, context: 3 }, /has no text "context"/],
    [choice, { ...good, choices: ['a'] }, /"choices" of two texts or more/],
    [choice, { ...good, choices: ['a', ''] }, /none of them empty/],
    [choice, { ...good, answer: 'a' }, /has no index "answer"/],
    [choice, { ...good, answer: 2 }, /names choice 2, but they are 0 to 1/],
    [generate, { context: 'Q' }, /has no text "answer"/],
    [generate, { context: 'Q', answer: [] }, /has no text "answer"/],
  ];
  for (const [spec, record, message] of table) {
    test(`${spec.kind}: ${typeof record === 'string' ? record : JSON.stringify(record)}`, async () => {
      const first = spec.kind === 'choice' ? good : { context: 'Q', answer: 'a' };
      const file = await written([first, '', record]);
      await assert.rejects(
        evaluateTask(
          request(spec, [file]),
          fakeTools(() => 0, ['a', 'a']),
        ),
        (error: Error) => {
          assert.match(error.message, message);
          assert.equal((error as Error & { problem: { place: string } }).problem.place, `${file}:3`);
          return true;
        },
      );
    });
  }

  test('a file without records', async () => {
    const file = await written(['', '']);
    await assert.rejects(
      evaluateTask(
        request(choice, [file]),
        fakeTools(() => 0),
      ),
      /There is no record in/,
    );
  });
});

describe('a generate task', async () => {
  const file = await written([
    { context: 'A:', answer: '4' },
    { context: 'B:', answer: ['x', '7'] },
  ]);

  test('cuts at the stop string and compares without the whitespace around', async () => {
    const tools = fakeTools(() => 0, [' 4\nmore', ' 8']);
    const { samples, scores } = await evaluateTask(request(generate, [file]), tools);
    assert.deepEqual(
      samples.map((s) => [s['generated'], s['filtered'], s['target'], s['exact_match']]),
      [
        [' 4', ' 4', '4', 1],
        [' 8', ' 8', ['x', '7'], 0],
      ],
    );
    assert.equal(scores['exact_match']!.value, 0.5);
  });

  test('extracts an answer, any of several is right, none is [invalid]', async () => {
    const spec: GenerateTask = { ...generate, extract: { pattern: '([0-9]+)', take: 'last' } };
    const { samples } = await evaluateTask(
      request(spec, [file]),
      fakeTools(() => 0, ['no digit', '5 then 7']),
    );
    assert.deepEqual(
      samples.map((s) => [s['filtered'], s['exact_match']]),
      [
        ['[invalid]', 0],
        ['7', 1],
      ],
    );
  });

  test('match: regex reads the answers as expressions', async () => {
    const regex = await written([
      { context: 'A:', answer: '^ *(4|four)$' },
      { context: 'B:', answer: '.' },
    ]);
    const spec: GenerateTask = { ...generate, match: 'regex', extract: { pattern: '[a-z]+', take: 'first' } };
    const { samples } = await evaluateTask(
      request(spec, [regex]),
      fakeTools(() => 0, ['is', '!']),
    );
    assert.deepEqual(
      samples.map((s) => s['exact_match']),
      [0, 0],
    );
    const found = await evaluateTask(
      request(spec, [regex]),
      fakeTools(() => 0, ['four', 'y']),
    );
    assert.deepEqual(
      found.samples.map((s) => s['exact_match']),
      [1, 1],
    );
  });

  test('shots carry the first answer', async () => {
    const tools = fakeTools(() => 0, ['4', '7']);
    const { samples } = await evaluateTask(request({ ...generate, shots: 1 }, [file]), tools);
    assert.deepEqual(
      samples.map((s) => s['context']),
      ['B: x\n\nA:', 'A: 4\n\nB:'],
    );
  });
});

describe('perplexity', () => {
  const perCharacter = (r: { continuation: readonly number[] }) => -2 * r.continuation.length;

  test('predicts every token but BOS, in windows, and divides by words and bytes of the text', async () => {
    const file = await written([{ text: 'né so' }, { text: 'x'.repeat(100) }]);
    const tools = fakeTools(perCharacter);
    const corpus = { hash: '', kind: 'text' } as const;
    const { samples, scores } = await evaluateTask(
      request({ kind: 'perplexity', corpus: 'x' }, [file], { corpus }),
      tools,
    );
    assert.deepEqual(
      samples.map(({ loglikelihood, tokens, words, bytes }) => ({ loglikelihood, tokens, words, bytes })),
      [
        { loglikelihood: -10, tokens: 5, words: 2, bytes: 6 },
        { loglikelihood: -200, tokens: 100, words: 1, bytes: 100 },
      ],
    );
    assert.deepEqual(
      tools.requests.map((r) => [r.context.length, r.continuation.length]),
      [
        [1, 5],
        [1, 64],
        [29, 36],
      ],
    );
    assert.ok(Math.abs(scores['bits_per_byte']!.value - 210 / 106 / Math.LN2) < 1e-12);
    assert.ok(Math.abs(scores['word_perplexity']!.value / Math.exp(210 / 3) - 1) < 1e-12);
    assert.equal(scores['bits_per_byte']!.stderr, null);
    assert.equal('token_perplexity' in scores, false);
  });

  test('reads the hold-out where there is one', async () => {
    const file = await written(Array.from({ length: 20 }, (_, i) => ({ text: `text ${i}` })));
    const corpus = { hash: '', kind: 'text', holdout: 0.1 } as const;
    const task = request({ kind: 'perplexity', corpus: 'x' }, [file], { corpus });
    assert.equal((await evaluateTask(task, fakeTools(perCharacter))).samples.length, 2);
  });

  test('token rows score their labels, without a tokenizer, per token', async () => {
    const file = await written([{ input_ids: [5, 6, 7, 8], labels: [5, -100, 7, 8] }, { input_ids: [5, 6, 7, 8] }]);
    const tools = { ...fakeTools((r) => -2 * r.scored!.filter(Boolean).length), tokenizer: undefined };
    const task = request({ kind: 'perplexity', corpus: 'x' }, [file], { corpus: { hash: '', kind: 'tokens' } });
    const { samples, scores } = await evaluateTask(task, tools);
    assert.deepEqual(
      samples.map((s) => [s['loglikelihood'], s['tokens'], s['bytes']]),
      [
        [-4, 2, undefined],
        [-6, 3, undefined],
      ],
    );
    assert.deepEqual(Object.keys(scores), ['token_perplexity']);
    assert.ok(Math.abs(scores['token_perplexity']!.value - Math.exp(2)) < 1e-12);
  });
});
