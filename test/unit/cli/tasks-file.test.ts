import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readTasksFile, taskRequests } from '../../../src/cli/tasks-file.ts';
import { temporaryFolder } from '../../support.ts';

const folder = await temporaryFolder();
await mkdir(join(folder, 'data'));
for (const name of ['a.jsonl', 'b.jsonl']) await writeFile(join(folder, 'data', name), '{}\n');
async function written(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

describe('a file of tasks', () => {
  test('is the tasks: mapping, as YAML or JSON, with the defaults of the language and paths relative to it', async () => {
    const yaml = await written('tasks.yaml', 'recall: { kind: choice, files: data/*.jsonl, shots: 2 }\n');
    const json = await written(
      'tasks.json',
      JSON.stringify({ recall: { kind: 'choice', files: 'data/*.jsonl', shots: 2 } }),
    );
    for (const file of [yaml, json]) {
      const [request] = await taskRequests(await readTasksFile(file), []);
      assert.equal(request!.name, 'recall');
      assert.deepEqual(
        request!.files,
        ['a.jsonl', 'b.jsonl'].map((name) => join(folder, 'data', name)),
      );
      const { spec } = request!;
      assert.ok(spec.kind === 'choice');
      assert.deepEqual([spec.shots, spec.target_delimiter, spec.sampler, spec.chat], [2, ' ', 'random', false]);
    }
  });

  test('may be a whole experiment; its corpora serve perplexity', async () => {
    const file = await written(
      'x.strata.yaml',
      `strata: 1
model: base
corpora:
  general: { files: data/a.jsonl, holdout: 0.1 }
  rows: { tokens: data/b.jsonl }
tasks: { sums: { kind: generate, files: data/b.jsonl } }
arms: { base: {} }
`,
    );
    const tasks = await readTasksFile(file);
    const [sums, general, rows] = await taskRequests(tasks, ['sums', 'perplexity:general', 'perplexity:rows']);
    assert.equal(sums!.spec.kind, 'generate');
    const { hash: _, ...corpus } = general!.corpus!;
    assert.deepEqual(corpus, { kind: 'text', holdout: 0.1 });
    assert.equal(rows!.corpus!.kind, 'tokens');
    assert.deepEqual(rows!.files, [join(folder, 'data', 'b.jsonl')]);
    await assert.rejects(taskRequests(tasks, ['perplexity:other']), /names a corpus that is not described in/);
  });

  test('that is wrong is named by line and column', async () => {
    const file = await written('bad.yaml', 'recall:\n  kind: choice\n  file: x\n');
    await assert.rejects(readTasksFile(file), (error: Error & { problem: { place: string; code: string } }) => {
      assert.equal(error.problem.code, 'invalid-tasks');
      assert.equal(error.problem.place, `${file}:3:3`);
      return true;
    });
  });

  test('a task that is not there is answered with the nearest name', async () => {
    const tasks = await readTasksFile(await written('one.yaml', 'recall: { kind: choice, files: data/a.jsonl }\n'));
    await assert.rejects(taskRequests(tasks, ['recal']), (error: Error & { problem: { remedy: string } }) => {
      assert.match(error.problem.remedy, /Did you mean recall\?/);
      return true;
    });
    await assert.rejects(taskRequests(tasks, ['arc_esy']), (error: Error & { problem: { remedy: string } }) => {
      assert.match(error.problem.remedy, /Did you mean arc_easy\?/);
      return true;
    });
    await assert.rejects(taskRequests({ file: '', folder, tasks: {}, corpora: {} }, []), /There is no task/);
  });

  test('the bare name of a benchmark means it with its defaults; shots override those of any task but perplexity', async () => {
    const file = await written(
      'benchmarks.yaml',
      'arc: { benchmark: arc_easy, files: { train: data/a.jsonl, test: data/b.jsonl } }\n',
    );
    const tasks = await readTasksFile(file);
    const [plain] = await taskRequests(tasks, ['arc']);
    const [shot] = await taskRequests(tasks, ['arc'], { shots: 2 });
    const [test, train] = ['b.jsonl', 'a.jsonl'].map((name) => join(folder, 'data', name));
    assert.deepEqual(plain!.parts, [{ benchmark: 'arc_easy', split: 'test', files: [test] }]);
    assert.deepEqual(shot!.parts![0]!.shots, { split: 'train', files: [train] });
    assert.notEqual(plain!.hash, shot!.hash);
    await assert.rejects(taskRequests(tasks, ['perplexity:x'], { shots: 2 }), /has no shots/);
    await assert.rejects(taskRequests(tasks, ['piqa']), /The data of piqa are missing: .*STRATA_DATA/);
  });
});
