import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { toProblem } from '../../../src/base/problem.ts';
import type { Io, Verb } from '../../../src/cli/verb.ts';
import { check } from '../../../src/cli/verbs/check.ts';
import { init } from '../../../src/cli/verbs/init.ts';
import { temporaryFolder } from '../../support.ts';
import { writeTinyModel } from '../../tiny-model.ts';

interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Runs a verb as the command line does: a failure is its code. */
async function ran(verb: Verb, cwd: string, args: string[], json = false): Promise<Ran & { failed?: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    cwd,
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    json,
    terminal: false,
    columns: 80,
    colour: false,
  };
  try {
    const code = await verb.run(io, args, {});
    return { code, out: out.join('\n'), err: err.join('\n') };
  } catch (error) {
    const problem = toProblem(error);
    if (!problem) throw error;
    return { code: -1, out: out.join('\n'), err: problem.message, failed: problem.code };
  }
}

async function folderWithModel(): Promise<string> {
  const folder = await temporaryFolder();
  await writeTinyModel(join(folder, 'base'));
  return folder;
}

const good = `strata: 1
model: base
corpora: { rows: { tokens: rows.jsonl } }
arms: { base: {}, s: { expand: { after: [0], init: copy }, train: [new] } }
training: { corpus: rows, steps: 1, batch: 1, sequence: 8, learning_rate: 1e-3 }
`;
const row = `${JSON.stringify({ input_ids: [1, 2, 3, 4, 5, 6, 7, 8] })}\n`;

async function checked(text: string, json = false): Promise<Ran> {
  const folder = await folderWithModel();
  await writeFile(join(folder, 'rows.jsonl'), row);
  await writeFile(join(folder, 'x.strata.yaml'), text);
  return ran(check, folder, ['x.strata.yaml'], json);
}

test('a good file: exit code 0, nothing on stdout', async () => {
  assert.deepEqual(await checked(good), { code: 0, out: '', err: 'x.strata.yaml: nothing is wrong.' });
});

test('errors are file:line:col code message in the order of the file, exit code 1', async () => {
  const { code, out, err } = await checked(good.replace('[0]', '[9]').replace('steps: 1', 'stps: 1'));
  assert.equal(code, 1);
  assert.equal(
    out.replace(/has layers 0 to \d+/, 'has layers 0 to N'),
    [
      'x.strata.yaml:4:42 layer-out-of-range There is no layer 9: the model has layers 0 to N.',
      'x.strata.yaml:5:27 unknown-key `training` has no key `stps`. Did you mean `steps`?',
    ].join('\n'),
  );
  assert.equal(err, 'x.strata.yaml: 2 errors.');
});

test('only warnings: exit code 0', async () => {
  const { code, out, err } = await checked(good.replace('steps: 1', 'weight_decay: 0.1, steps: 1'));
  assert.equal(code, 0);
  assert.match(out, /^x\.strata\.yaml:5:41 weight-decay-identity .* \(warning\)$/);
  assert.equal(err, 'x.strata.yaml: 1 warning.');
});

test('what the file refers to is looked at: model, files, first records, tensor names', async () => {
  const cases: [string, string, RegExp][] = [
    ['model: base', 'model: nowhere', /^x\.strata\.yaml:2:8 file-missing\S* /],
    ['rows.jsonl', 'none.jsonl', /^x\.strata\.yaml:3:28 file-missing /],
    [
      '{ tokens: rows.jsonl }',
      '{ files: rows.jsonl, field: text }',
      /^x\.strata\.yaml:3:27 field-missing .*rows\.jsonl:1/,
    ],
    ['[new]', '["*.no_such_proj.*"]', /^x\.strata\.yaml:4:68 train-matches-nothing /],
    ['train: [new]', 'train: ["*"], lora: { rank: 2 }', /^x\.strata\.yaml:4:\d+ trained-and-adapted /],
  ];
  for (const [old, bad, expected] of cases) {
    const { code, out } = await checked(good.replace(old, bad));
    assert.match(out, expected);
    assert.equal(out.split('\n').length, 1, out);
    assert.equal(code, 1);
  }
});

test('--json gives the same with ranges and fixes', async () => {
  const { out } = await checked(good.replace('steps: 1', 'stps: 1'), true);
  const [found] = JSON.parse(out);
  assert.equal(found.code, 'unknown-key');
  assert.equal(found.fixes[0].edits[0].text, 'steps');
  assert.match(found.file, /x\.strata\.yaml$/);
});

test('a file that cannot be read: exit code 2', async () => {
  const { code, err } = await ran(check, await temporaryFolder(), ['none.yaml']);
  assert.equal(code, 2);
  assert.match(err, /none\.yaml/);
});

test('init writes a file that lacks nothing but its corpora, and never overwrites', async () => {
  const folder = await folderWithModel();
  assert.equal((await ran(init, folder, ['base'])).code, 0);
  const text = await readFile(join(folder, 'experiment.strata.yaml'), 'utf8');
  assert.match(text, /^model: base$/m);
  const { code, out } = await ran(check, folder, ['experiment.strata.yaml']);
  assert.equal(code, 1);
  const said = out.split('\n');
  assert.ok(said.length > 0 && said.every((line) => / file-missing /.test(line)), out);
  // Every place that check names is marked for the reader, and no other.
  const lines = text.split('\n');
  const marked = lines.flatMap((line, i) => (line.includes('<- your file') ? [i + 1] : []));
  assert.deepEqual(
    said.map((line) => Number(line.split(':')[1])),
    marked,
  );
  assert.equal((await ran(init, folder, ['base'])).failed, 'usage-file-exists');
});

test('with its corpora in place the file of init is right', async () => {
  const folder = await folderWithModel();
  await ran(init, folder, ['base', 'sub/first.strata.yaml']);
  const text = await readFile(join(folder, 'sub/first.strata.yaml'), 'utf8');
  assert.match(text, /^model: \.\.\/base$/m);
  await mkdir(join(folder, 'sub/data'));
  const documents = Array.from({ length: 40 }, (_, i) => JSON.stringify({ text: `fact ${i}` })).join('\n');
  for (const file of ['new_facts', 'general', 'new_test', 'old_test'])
    await writeFile(join(folder, `sub/data/${file}.jsonl`), text.includes('tokens:') ? row : `${documents}\n`);
  assert.deepEqual(await ran(check, folder, ['sub/first.strata.yaml']), {
    code: 0,
    out: '',
    err: 'sub/first.strata.yaml: nothing is wrong.',
  });
});
