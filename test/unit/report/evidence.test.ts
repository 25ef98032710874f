import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../../src/base/hash.ts';
import { Failure } from '../../../src/base/problem.ts';
import { compare } from '../../../src/report/comparison.ts';
import { type ForeignResults, readForeign, withForeign } from '../../../src/report/evidence/arms.ts';
import { lmEvalFiles } from '../../../src/report/evidence/write-lm-eval.ts';
import { temporaryFolder } from '../../support.ts';
import { inputOf } from './by-hand.ts';
import { makeRun, makeWorld } from './world.ts';

/**
 * `lm-eval/harness` was written by lm_eval 0.4.13 with `--log_samples` on a Llama of 260,000 parameters: a choice task, a generate task with
 * two filters and rolling perplexities; paths and the description of the machine were taken out.
 */
const harness = fileURLToPath(new URL('lm-eval/harness', import.meta.url));
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}, ${expected}`);

const read = async (path: string): Promise<ForeignResults> => {
  const found = await readForeign(path);
  assert.equal(found?.length, 1);
  return found![0]!;
};

test('an output folder of the harness is an arm: scores, and each document with its hashes', async () => {
  const { arm, scores, samples, source } = await read(harness);
  assert.equal(arm, 'stories260k-hf');
  assert.equal(source.program, 'lm-evaluation-harness 0.4.13');
  near(scores['facts_choice']!['acc']!.value, 10 / 12);
  near(scores['facts_choice']!['acc']!.stderr!, 0.11236664374387367);
  assert.equal(scores['facts_choice']!['acc']!.n, 12);
  assert.deepEqual(scores['pages']!['bits_per_byte']!.stderr, null);

  const [choice] = samples['facts_choice']!;
  assert.equal(choice!.prompt_hash, sha256(choice!['context'] as string));
  assert.equal(choice!.target_hash, sha256(String(choice!['gold'])));
  assert.deepEqual(choice!['continuations'], [' the park', ' the beach', ' the café']);
  assert.equal((choice!['loglikelihoods'] as number[]).length, 3);
  const accuracy = samples['facts_choice']!.reduce((sum, s) => sum + (s['acc'] as number), 0) / 12;
  near(accuracy, scores['facts_choice']!['acc']!.value);

  // The sums of its documents give the harness's own perplexities.
  const sum = (key: string) => samples['pages']!.reduce((total, s) => total + (s[key] as number), 0);
  near(-sum('loglikelihood') / sum('bytes') / Math.LN2, scores['pages']!['bits_per_byte']!.value);
  near(Math.exp(-sum('loglikelihood') / sum('words')), scores['pages']!['word_perplexity']!.value);
  assert.equal(samples['pages']![0]!.target_hash, undefined);
});

test('two filters of one document are one record with two metrics', async () => {
  const { samples, scores } = await read(harness);
  assert.equal(samples['sums_gen']!.length, 4);
  assert.deepEqual(
    [samples['sums_gen']![0]!['exact_match_strict'], samples['sums_gen']![0]!['exact_match_flexible']],
    [0, 0],
  );
  assert.deepEqual(Object.keys(scores['sums_gen']!), ['exact_match_strict', 'exact_match_flexible']);
});

test('one results file may be named instead of its folder', async () => {
  const [model] = await readdir(harness);
  const files = await readdir(join(harness, model!));
  const { arm } = await read(join(harness, model!, files.find((f) => f.startsWith('results_'))!));
  assert.equal(arm, 'stories260k-hf');
});

test('of several evaluations in one folder the newest of each task counts', async () => {
  const folder = await temporaryFolder();
  await cp(harness, folder, { recursive: true });
  const model = join(folder, (await readdir(folder))[0]!);
  const old = (await readdir(model)).find((f) => f.startsWith('results_'))!;
  const results = JSON.parse(await readFile(join(model, old), 'utf8'));
  results.results = { facts_choice: { 'acc,none': 0.5, 'acc_stderr,none': 'N/A' } };
  await writeFile(join(model, 'results_2030-01-01T00-00-00.json'), JSON.stringify(results));
  const { scores, samples } = await read(folder);
  assert.deepEqual(scores['facts_choice'], { acc: { value: 0.5, stderr: null, n: 12 } });
  assert.equal(samples['facts_choice'], undefined, 'older documents do not answer for newer scores');
  assert.equal(samples['pages']!.length, 3);
});

test('results beside runs: paired by prompt and target, noted, and nothing claimed as proven', async () => {
  const run = makeRun('base');
  const made = { ...run.samples };
  const foreign: ForeignResults = {
    arm: 'base',
    scores: { recall_new: run.run.scores!['recall_new']! },
    samples: { recall_new: made.recall_new!.filter((s) => s.doc_id !== 3) },
    source: { program: 'lm-evaluation-harness 0.4.13', model: 'org/base', path: 'out/results_x.json' },
    hash: 'h',
    members: [],
    made: 0,
  };
  const input = withForeign(makeWorld([1]), [foreign]);
  const comparison = compare(input, { resamples: 100 });
  const arm = comparison.arms.find((a) => a.name === 'base (2)')!;
  assert.deepEqual(arm.changes, ['results of lm-evaluation-harness 0.4.13 for org/base']);
  assert.deepEqual([arm.runs[0]!.identity.state, arm.runs[0]!.frozen.state], ['not-applicable', 'not-applicable']);
  const contrast = comparison.contrasts.find((c) => c.arm === 'base (2)' && c.task === 'recall_new')!;
  assert.deepEqual([contrast.documents, contrast.unpaired, contrast.effect], [119, 1, 0]);
  assert.ok(comparison.notes.some((n) => n.startsWith('base (2): read from out/results_x.json')));
  assert.ok(!comparison.notes.some((n) => n.includes('different base models')));
});

test('what is written is read back as it was: scores, documents, arm and seed', async () => {
  const folder = await temporaryFolder();
  const written = makeRun('s', 2);
  const own = join(folder, 'run');
  await mkdir(own);
  for (const { name, content } of lmEvalFiles(written, new Date('2024-05-06T07:08:09Z'))) {
    await writeFile(join(own, name), content);
  }
  assert.deepEqual((await readdir(own)).sort(), [
    'results_2024-05-06T07-08-09.000.json',
    'samples_perplexity.general_2024-05-06T07-08-09.000.jsonl',
    'samples_recall_new_2024-05-06T07-08-09.000.jsonl',
    'samples_recall_old_2024-05-06T07-08-09.000.jsonl',
    'samples_sums_2024-05-06T07-08-09.000.jsonl',
  ]);
  const back = await read(folder);
  assert.deepEqual([back.arm, back.seed], ['s', 2]);
  assert.deepEqual(back.scores, written.run.scores);
  for (const [task, records] of Object.entries(written.samples)) {
    for (const [i, record] of records.entries()) {
      for (const key of ['doc_id', 'prompt_hash', 'acc', 'exact_match', 'loglikelihood', 'words', 'bytes']) {
        assert.deepEqual(back.samples[task]![i]![key], record[key], `${task} ${i} ${key}`);
      }
    }
  }
  const input = withForeign(inputOf([written]), [back]);
  assert.equal(compare(input, { resamples: 100 }).arms.length, 2);
});

/** Two subjects of one group and one of another, in a group above them, as `--tasks mmlu` with `--limit 2` writes them. */
async function writeGroups(folder: string): Promise<void> {
  const sizes = { mmlu_anatomy: 135, mmlu_astronomy: 152, mmlu_virology: 166 };
  const stamp = '2030-01-01T00-00-00.000000';
  for (const [task, size] of Object.entries(sizes)) {
    const lines = [0, 1].map((doc) => ({
      doc_id: doc,
      target: '1',
      arguments: {
        gen_args_0: { arg_0: `${task} ${doc}`, arg_1: ' A' },
        gen_args_1: { arg_0: `${task} ${doc}`, arg_1: ' B' },
      },
      resps: [[['-2', 'False']], [['-1', 'True']]],
      filtered_resps: [
        ['-2', 'False'],
        ['-1', 'True'],
      ],
      filter: 'none',
      metrics: ['acc'],
      prompt_hash: sha256(`${task} ${doc}`),
      target_hash: sha256(String(size)),
      acc: doc,
    }));
    await writeFile(
      join(folder, `samples_${task}_${stamp}.jsonl`),
      lines.map((l) => `${JSON.stringify(l)}\n`).join(''),
    );
  }
  const scores = { 'acc,none': 0.5, 'acc_stderr,none': 0.5 };
  const results = {
    results: { mmlu: scores, mmlu_stem: scores, ...Object.fromEntries(Object.keys(sizes).map((t) => [t, scores])) },
    group_subtasks: { mmlu_stem: ['mmlu_anatomy', 'mmlu_astronomy'], mmlu: ['mmlu_stem', 'mmlu_virology'] },
    'n-samples': Object.fromEntries(Object.entries(sizes).map(([t, original]) => [t, { original, effective: 2 }])),
    config: { model: 'hf', limit: Number.NaN },
    date: 1,
    model_name: 'grouped',
  };
  const text = JSON.stringify(results).replace('"limit":null', '"limit": NaN');
  assert.ok(text.includes('NaN'), 'as Python writes it');
  await writeFile(join(folder, `results_${stamp}.json`), text);
}

test('a group of the harness has its members’ documents, numbered through as Strata does', async () => {
  const folder = await temporaryFolder();
  await writeGroups(folder);
  const { scores, samples, members } = await read(folder);
  assert.deepEqual(
    samples['mmlu']!.map((s) => [s.doc_id, s['benchmark'], s['acc']]),
    [
      [0, 'mmlu_anatomy', 0],
      [1, 'mmlu_anatomy', 1],
      [135, 'mmlu_astronomy', 0],
      [136, 'mmlu_astronomy', 1],
      [287, 'mmlu_virology', 0],
      [288, 'mmlu_virology', 1],
    ],
  );
  assert.deepEqual(scores['mmlu'], { acc: { value: 0.5, stderr: 0.5, n: 6 } });
  assert.equal(samples['mmlu_stem']!.length, 4);
  assert.deepEqual(members.sort(), ['mmlu_anatomy', 'mmlu_astronomy', 'mmlu_stem', 'mmlu_virology']);
});

test('a group speaks for its members, unless one of them is asked for', async () => {
  const folder = await temporaryFolder();
  await writeGroups(folder);
  const results = await read(folder);
  const tasks = (input: ReturnType<typeof inputOf>) =>
    Object.keys(withForeign(input, [results]).runs.at(-1)!.run.scores!);
  assert.deepEqual(tasks(inputOf([])), ['mmlu']);
  const asked = inputOf([], { compare: { gain: { task: 'mmlu_anatomy' }, forgetting: [] } });
  assert.deepEqual(tasks(asked), ['mmlu', 'mmlu_anatomy']);
});

test('a group is written as its members and read back as it was', async () => {
  const folder = await temporaryFolder();
  await writeGroups(folder);
  const read1 = await read(folder);
  const [run] = withForeign(inputOf([]), [read1]).runs;
  const again = await temporaryFolder();
  for (const { name, content } of lmEvalFiles(run!, new Date(0))) await writeFile(join(again, name), content);
  assert.equal((await readdir(again)).filter((name) => name.startsWith('samples_mmlu_')).length, 3);
  const read2 = await read(again);
  assert.deepEqual(read2.samples['mmlu'], read1.samples['mmlu']);
  assert.deepEqual(read2.scores['mmlu'], read1.scores['mmlu']);
  assert.equal(read2.scores['mmlu_virology']!['acc']!.stderr, 0.5);
});

test('a folder that is something else is no arm; a broken file has a sentence', async () => {
  const folder = await temporaryFolder();
  assert.equal(await readForeign(folder), undefined);
  assert.equal(await readForeign(join(folder, 'nowhere')), undefined);
  await writeFile(join(folder, 'results_x.json'), '{"scores": 1}');
  await assert.rejects(
    () => readForeign(folder),
    (error) => error instanceof Failure && error.problem.code === 'invalid-results',
  );
});
