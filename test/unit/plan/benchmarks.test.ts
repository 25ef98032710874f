import assert from 'node:assert/strict';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { parse } from '../../../src/experiment/parse.ts';
import { gather } from '../../../src/plan/gather.ts';
import { isPlannable, resolve } from '../../../src/plan/resolve.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';

const given = process.env['STRATA_DATA'];
afterEach(() => {
  if (given === undefined) delete process.env['STRATA_DATA'];
  else process.env['STRATA_DATA'] = given;
});

const gsm = (n: number, name: string) =>
  Array.from({ length: n }, (_, i) => JSON.stringify({ question: `${name}${i}`, answer: `#### ${i}` })).join('\n');

async function lab(tasks: string, evaluated: string) {
  const folder = await temporaryFolder();
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
  process.env['STRATA_DATA'] = join(folder, 'sets');
  await mkdir(join(folder, 'sets/gsm8k'), { recursive: true });
  await writeFile(join(folder, 'sets/gsm8k/train.jsonl'), gsm(20, 'T'));
  await writeFile(join(folder, 'sets/gsm8k/test.jsonl'), gsm(10, 'E'));
  const text = `strata: 1
model: ${JSON.stringify(data('reference/stories260k-hf'))}
${tasks}
arms: { base: {} }
evaluation: { tasks: [${evaluated}] }
`;
  const planned = async () => {
    const { draft, diagnostics } = parse(text, { file: join(folder, 'x.strata.yaml') });
    assert.deepEqual(diagnostics, []);
    const facts = await gather(draft, { depth: 'all' });
    assert.ok(isPlannable(facts));
    return { facts, plan: resolve(draft, facts) };
  };
  return { folder, planned };
}

describe('benchmarks among the tasks of an experiment', needsShared, () => {
  test('a bare name and a task with files become requests with their splits', async () => {
    const { folder, planned } = await lab('tasks: { short: { benchmark: gsm8k, shots: 0, limit: 2 } }', 'short, gsm8k');
    const { facts, plan } = await planned();
    assert.deepEqual(plan.diagnostics, []);
    const [short, whole] = plan.runs[0]!.tasks;
    const [train, test_] = ['train', 'test'].map((split) => join(folder, `sets/gsm8k/${split}.jsonl`));
    assert.deepEqual(short!.parts, [{ benchmark: 'gsm8k', split: 'test', files: [test_] }]);
    assert.deepEqual(whole!.parts, [
      { benchmark: 'gsm8k', split: 'test', files: [test_], shots: { split: 'train', files: [train] } },
    ]);
    assert.deepEqual([whole!.files, whole!.shotFiles], [[test_], [train]]);
    // Two documents of 256 new tokens at least, against ten with five shots.
    const tokens = (name: string) => facts.taskContents![name]!.tokens!;
    assert.ok(tokens('short') >= 512 && tokens('gsm8k') > 5 * tokens('short'));
  });

  test('the hash of a task is that of its contents, wherever they lie', async () => {
    const { folder, planned } = await lab('', 'gsm8k');
    const hash = async () => (await planned()).plan.runs[0]!.tasks[0]!.hash;
    const first = await hash();
    await rename(join(folder, 'sets'), join(folder, 'moved'));
    process.env['STRATA_DATA'] = join(folder, 'moved');
    assert.equal(await hash(), first);
    await writeFile(join(folder, 'moved/gsm8k/train.jsonl'), gsm(21, 'T'));
    assert.notEqual(await hash(), first);
  });

  test('data that are missing are a problem at the place of the name', async () => {
    const { planned } = await lab('', 'gsm8k, piqa');
    const { facts } = await planned();
    assert.equal(facts.tasks!['piqa']!.problem!.code, 'file-missing');
  });
});
