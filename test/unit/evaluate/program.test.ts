import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { resolveBenchmark } from '../../../src/data/benchmark-data.ts';
import { passAtK } from '../../../src/evaluate/pass-at-k.ts';
import type { Sandbox } from '../../../src/evaluate/sandbox/types.ts';
import { evaluateTask } from '../../../src/evaluate/tasks.ts';
import type { BenchmarkTask } from '../../../src/experiment/types.ts';
import type { TaskRequest } from '../../../src/plan/types.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';
import { fakeTools } from './support.ts';

const folder = await temporaryFolder();
const problem = (i: number) => ({
  prompt: `def f${i}():\n`,
  entry_point: `f${i}`,
  canonical_solution: '    return 1\n',
  test: 'def check(c):\n    assert c() == 1\n',
});
async function request(
  spec: Partial<BenchmarkTask>,
  records: object[] = [problem(0), problem(1)],
): Promise<TaskRequest> {
  const test_ = join(folder, `${spec.benchmark ?? 'humaneval'}.jsonl`);
  await writeFile(test_, records.map((r) => JSON.stringify(r)).join('\n'));
  const task: BenchmarkTask = {
    kind: 'benchmark',
    benchmark: 'humaneval',
    files: { test: test_ },
    max_tokens: 32,
    ...spec,
  };
  const parts = await resolveBenchmark(task, folder);
  return { name: 'code', spec: task, files: parts.flatMap((p) => p.files), parts, hash: '' };
}
/** A sandbox that lets pass what contains "right". */
function fakeSandbox() {
  const programs: string[] = [];
  const state = { programs, opened: [] as string[], closed: false };
  const sandbox: Sandbox = {
    description: 'fake 1.0',
    async run(program) {
      programs.push(program);
      const passed = program.includes('right');
      return { passed, detail: passed ? 'passed' : 'failed: AssertionError' };
    },
    async close() {
      state.closed = true;
    },
  };
  const open = async (kind: string) => {
    state.opened.push(kind);
    return sandbox;
  };
  return { state, open };
}

test('pass@k equals every recorded value', needsShared, () => {
  const { single } = JSON.parse(readFileSync(data('reference/code-eval/pass-at-k.json'), 'utf8'));
  assert.ok(single.length > 50);
  for (const { n, c, k, value } of single) assert.ok(Math.abs(passAtK(n, c, k) - value) < 1e-12, `${n} ${c} ${k}`);
  assert.throws(() => passAtK(3, 1, 4), RangeError);
});

describe('a benchmark of programs', () => {
  test('cuts at the stop strings, runs head, completion and tests, and names the sandbox beside the score', async () => {
    const { state, open } = fakeSandbox();
    const tools = { ...fakeTools(() => 0, ['    right\n\ndef g', '    wrong\n']), openSandbox: open };
    const { samples, scores } = await evaluateTask(await request({}), tools);
    assert.deepEqual(state.programs, [
      'def f0():\n    right\n\ndef check(c):\n    assert c() == 1\n\ncheck(f0)',
      'def f1():\n    wrong\n\ndef check(c):\n    assert c() == 1\n\ncheck(f1)',
    ]);
    assert.deepEqual([state.opened, state.closed], [['pyodide'], true]);
    assert.deepEqual(
      samples.map((s) => [s['context'], s['generated'], s['detail'], s['pass@1']]),
      [
        ['def f0():\n', '    right\n', 'passed', 1],
        ['def f1():\n', '    wrong\n', 'failed: AssertionError', 0],
      ],
    );
    assert.deepEqual(scores, { 'pass@1': { value: 0.5, stderr: 0.5, n: 2, sandbox: 'fake 1.0' } });
  });

  test('with several samples draws each for itself and estimates pass@k without bias', async () => {
    const { open } = fakeSandbox();
    const texts = ['right', 'w', 'w', 'w', 'right', 'right', 'w', 'w'];
    const tools = { ...fakeTools(() => 0, texts), openSandbox: open };
    const { samples, scores } = await evaluateTask(await request({ samples: 4, k: [1, 2], sandbox: 'bwrap' }), tools);
    assert.deepEqual(samples[0]!['generated'], ['right', 'w', 'w', 'w']);
    assert.deepEqual(tools.prompts.length, 8);
    assert.deepEqual([samples[0]!['pass@1'], samples[1]!['pass@1']], [0.25, 0.5]);
    assert.deepEqual([samples[0]!['pass@2'], samples[1]!['pass@2']], [passAtK(4, 1, 2), passAtK(4, 2, 2)]);
    assert.equal(scores['pass@1']!.value, 0.375);
    await assert.rejects(evaluateTask(await request({ samples: 4, k: [5] }), tools), /pass@5 of code needs 5 programs/);
  });

  test('sampling is seeded: 0.2 and 0.95 with several samples, greedy with one', async () => {
    const asked: object[] = [];
    const tools = fakeTools(() => 0);
    tools.generator.generate = async (prompts, { temperature, topP, seed }) => {
      asked.push({ temperature, topP, seed });
      return prompts.map(() => []);
    };
    const run = async (spec: Partial<BenchmarkTask>) =>
      evaluateTask(await request(spec), { ...tools, openSandbox: fakeSandbox().open });
    await run({});
    await run({ samples: 2 });
    await run({ samples: 2, temperature: 0.8, top_p: 1, seed: 7 });
    assert.deepEqual(asked, [
      { temperature: 0, topP: 1, seed: 0 },
      { temperature: 0.2, topP: 0.95, seed: 0 },
      { temperature: 0.8, topP: 1, seed: 7 },
    ]);
  });

  test('a missing sandbox is a failure before anything is generated', async () => {
    const tools = fakeTools(() => 0, ['', '']);
    const openSandbox = async () => {
      throw new Error('no sandbox');
    };
    await assert.rejects(evaluateTask(await request({}), { ...tools, openSandbox }), /no sandbox/);
    assert.equal(tools.prompts.length, 0);
  });

  test('mbpp: problems 11 to 510, three shots, what was written with its three tests', async () => {
    const { state, open } = fakeSandbox();
    const record = (task_id: number) => ({ task_id, text: 'Do.', code: 'x = 1', test_list: ['a', 'b', 'c'] });
    const tools = { ...fakeTools(() => 0, ['right\n[DONE] more']), openSandbox: open };
    const task = await request({ benchmark: 'mbpp' }, [record(2), record(11), record(511)]);
    const { samples } = await evaluateTask(task, tools);
    assert.deepEqual(state.programs, ['right\n\na\nb\nc']);
    const context = samples[0]!['context'] as string;
    assert.equal(context.split('You are an expert Python programmer').length, 5);
    assert.match(context, /\[BEGIN\]\ndef similar_elements/);
    assert.match(context, /return \(res\) \n\[DONE\]\n\nYou are/);
    assert.ok(context.endsWith('\n\na\nb\nc\n[BEGIN]\n'));
  });
});
