import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import type { Io } from '../../../src/cli/verb.ts';
import { data } from '../../../src/cli/verbs/data.ts';
import { temporaryFolder } from '../../support.ts';

const folder = await temporaryFolder();
const given = process.env['STRATA_DATA'];
afterEach(() => {
  if (given === undefined) delete process.env['STRATA_DATA'];
  else process.env['STRATA_DATA'] = given;
});

async function run(words: string[], options: Record<string, unknown> = {}, json = false) {
  const lines: string[] = [];
  const io: Io = {
    cwd: folder,
    out: (text) => lines.push(text),
    err: () => {},
    json,
    terminal: false,
    columns: 80,
    colour: false,
  };
  const code = await data.run(io, words, options);
  return { code, text: lines.join('\n') };
}

describe('strata data', () => {
  test('lists kinds and benchmarks, with licence and whether the data are there', async () => {
    const root = join(folder, 'sets');
    await mkdir(join(root, 'gsm8k'), { recursive: true });
    await writeFile(join(root, 'gsm8k/test.jsonl'), '');
    process.env['STRATA_DATA'] = root;
    const { text } = await run([]);
    assert.match(text, /^choice: the model ranks/);
    assert.match(text, /gsm8k +there +MIT/);
    assert.match(text, /piqa +missing +AFL-3\.0/);
    assert.match(text, /mmlu +missing/);
    assert.doesNotMatch(text, /mmlu_anatomy/);
    assert.match(text, /Nothing is downloaded/);
  });

  test('says of one from whom it is, what a record holds and where it is looked for', async () => {
    delete process.env['STRATA_DATA'];
    const { text } = await run(['winogrande']);
    for (const part of [
      /Allen Institute/,
      /CC BY 4\.0/,
      /"option1"/,
      /winogrande\/dev\.jsonl/,
      /STRATA_DATA \(not set\)/,
      /missing/,
    ])
      assert.match(text, part);
  });

  test('as JSON', async () => {
    const { text } = await run(['mmlu_anatomy'], {}, true);
    const [row] = JSON.parse(text).benchmarks;
    assert.deepEqual([row.name, row.state, row.license, row.metrics], ['mmlu_anatomy', 'missing', 'MIT', ['acc']]);
  });

  test('an unknown name is a sentence', async () => {
    await assert.rejects(run(['pica']), /no kind of task and no benchmark "pica"/);
  });
});

describe('strata data make-recall', () => {
  const options = { out: 'made', choices: '4', holdout: '0.2', seed: '1' };
  const cities = ['Rom', 'Oslo', 'Paris', 'Berlin', 'Wien', 'Ulm'];
  const facts = (answer: (i: number) => string) =>
    Array.from({ length: 120 }, (_, i) => ({ kind: 'city', text: `P${i} lives in ${answer(i)}.`, answer: answer(i) }));
  const write = (records: object[]) =>
    writeFile(join(folder, 'facts.jsonl'), records.map((r) => JSON.stringify(r)).join('\n'));

  test('writes corpus, questions, control and report, and says what guessing reaches', async () => {
    await write(facts((i) => cities[i % 6]!));
    const { code, text } = await run(['make-recall', 'facts.jsonl'], options);
    assert.equal(code, 0, text);
    assert.deepEqual((await readdir(join(folder, 'made'))).sort(), [
      'control.jsonl',
      'corpus.jsonl',
      'recall.jsonl',
      'report.json',
    ]);
    const [question] = (await readFile(join(folder, 'made/recall.jsonl'), 'utf8')).split('\n');
    const { context, choices, answer } = JSON.parse(question!);
    assert.match(context, /^P\d+ lives in$/);
    assert.equal(choices[answer], cities[Number(/\d+/.exec(context)![0]) % 6]);
    const report = JSON.parse(await readFile(join(folder, 'made/report.json'), 'utf8'));
    assert.equal(report.recall + report.control, 120);
    assert.equal(report.sentences, report.recall);
    assert.match(text, /the longest choice +\d/);
    assert.match(text, /Nothing of this tells the answers/);
  });

  test('answers that can be read off make the check fail, and are named', async () => {
    await write(facts((i) => (i % 2 ? 'Oslo' : `Town ${i}`)));
    const { code, text } = await run(['make-recall', 'facts.jsonl'], options);
    assert.equal(code, 1);
    assert.match(text, /The answers can be read off: .*most other questions/);
  });

  test('wrong use is a sentence', async () => {
    await assert.rejects(run(['make-recall', 'facts.jsonl'], { ...options, out: undefined }), /--out DIR/);
    await assert.rejects(run(['make-recall', 'facts.jsonl'], { ...options, holdout: '1' }), /--holdout takes a share/);
    await assert.rejects(run(['make-recall'], options), /FACTS\.jsonl/);
  });
});
