import assert from 'node:assert/strict';
import { cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { CodeAction } from 'vscode-languageserver/node';
import { parse } from '../../../src/experiment/parse.ts';
import { readResults } from '../../../src/language/results.ts';
import { hashModel } from '../../../src/model/hash.ts';
import { openModel } from '../../../src/model/open.ts';
import { gather } from '../../../src/plan/gather.ts';
import { isPlannable, resolve } from '../../../src/plan/resolve.ts';
import type { Plan } from '../../../src/plan/types.ts';
import { createExit, createRun } from '../../../src/record/create.ts';
import { homeOf, layout, samplesFile } from '../../../src/record/layout.ts';
import { root, temporaryFolder } from '../../support.ts';
import { analysis } from '../record/analysis.ts';
import { answers } from '../report/by-hand.ts';
import { scoresOf } from '../report/world.ts';
import { needsServer, startServer } from './client.ts';

/** An experiment on disk whose runs are made up: planned as they would be, their results written by the test. */
const experiment = (rate: string) => `strata: 1
model: model
corpora: { new: { files: new.jsonl, field: text } }
tasks: { recall: { kind: choice, files: recall.jsonl } }
arms:
  base: {}
  s: { expand: { after: [1] }, train: [new] }
training: { corpus: new, steps: 4, batch: 2, sequence: 32, learning_rate: ${rate} }
compare: { gain: recall }
seeds: [1, 2]
`;

async function makeExperiment(): Promise<{ folder: string; file: string; plan: Plan }> {
  const folder = await temporaryFolder();
  const file = join(folder, 'x.strata.yaml');
  await cp(join(root, 'samples', 'base'), join(folder, 'model'), { recursive: true });
  await writeFile(file, experiment('1e-3'));
  await writeFile(join(folder, 'new.jsonl'), `${JSON.stringify({ text: 'One day Lily went to the park.' })}\n`);
  const questions = Array.from({ length: 20 }, (_, i) => ({
    context: `Number ${i} is`,
    choices: ['odd', 'even'],
    answer: 0,
  }));
  await writeFile(join(folder, 'recall.jsonl'), questions.map((q) => `${JSON.stringify(q)}\n`).join(''));
  const parsed = parse(experiment('1e-3'), { file });
  const facts = await gather(parsed.experiment!, { depth: 'all' });
  assert.ok(isPlannable(facts));
  return { folder, file, plan: resolve(parsed.experiment!, facts) };
}

/** A finished run of an arm with these answers. */
async function finish(plan: Plan, arm: string, seed: number | undefined, results: string): Promise<void> {
  const run = plan.runs.find((r) => r.arm === arm && r.seed === seed)!;
  const { file, stem } = plan.experiment;
  const home = homeOf(file);
  const { hash, sources, tasks, spec } = run;
  const request = { attempt: 0, experiment: { file, stem }, arm, seed, hash, sources, tasks, threads: 1 };
  const more = { version: '0', asked: 0, order: 0, stages: [] };
  assert.ok(await createRun(home, run.id, { spec, place: { kind: 'local' }, request: { ...request, ...more } }));
  const folder = join(home.runs, run.id);
  const samples = answers(results);
  await mkdir(join(folder, layout.samples));
  await writeFile(join(folder, samplesFile('recall')), samples.map((s) => `${JSON.stringify(s)}\n`).join(''));
  await writeFile(join(folder, layout.evaluated), JSON.stringify({ recall: tasks[0]!.hash }));
  await createExit(folder, 0, { outcome: 'succeeded', by: 'supervisor', time: 0 });
  await writeFile(join(folder, 'scores.part'), JSON.stringify(scoresOf({ recall: samples })));
  await rename(join(folder, 'scores.part'), join(folder, layout.scores));
}

const none = '0'.repeat(20);
const most = `${'1'.repeat(16)}0000`;

test('an arm shows its value, its gain with interval, and what is missing', async () => {
  const { file, plan } = await makeExperiment();
  await finish(plan, 'base', undefined, none);
  await finish(plan, 's', 1, most);
  const results = await readResults(experiment('1e-3'), file);
  assert.equal(results?.summary, '2 of 3 runs finished');
  assert.equal(results.arms['base']?.text, 'recall 0.000 (baseline)');
  assert.match(
    results.arms['s']!.text,
    /^recall 0\.800, \+0\.800 \[\+0\.\d{3}, \+0\.\d{3}\] better \(seed 2: not started\)$/,
  );
  assert.match(results.arms['s']!.details[0]!, /^On recall acc, s is better than base: gain \+0\.800, 95 % interval/);
  assert.deepEqual(
    Object.values(results.arms).map(({ stale }) => stale),
    [false, false],
  );
});

test('an arm that was changed since shows its old result, said to be stale', async () => {
  const { file, plan } = await makeExperiment();
  await finish(plan, 'base', undefined, none);
  await finish(plan, 's', 1, most);
  const results = await readResults(experiment('2e-3'), file);
  assert.equal(results?.summary, '1 of 3 runs finished, 1 of older versions');
  assert.equal(results.arms['base']?.text, 'recall 0.000 (baseline)');
  assert.equal(results.arms['s']?.text, 'stale: recall 0.800, of an older version');
  assert.equal(results.arms['s'].stale, true);
});

test('a text with errors has no results', async () => {
  const { file } = await makeExperiment();
  assert.equal(await readResults('strata: 1\n', file), undefined);
  assert.equal(await readResults(experiment('1e-3').replace('[1]', '[90]'), file), undefined);
});

test(
  'the server: results appear by themselves when a run ends, and nothing is shown untrusted',
  needsServer,
  async () => {
    const { file, plan } = await makeExperiment();
    const text = experiment('1e-3');
    const titles = (found: { command?: { title: string } }[]) => found.map(({ command }) => command?.title ?? '');
    const client = await startServer();
    const uri = client.open(file, text);
    await client.diagnostics(uri, (found) => found.length === 0);
    assert.deepEqual(titles(await client.lenses(uri, () => true)).slice(0, 3), ['Run', 'Plan', 'Compare']);
    await finish(plan, 'base', undefined, none);
    await finish(plan, 's', 1, most);
    const found = await client.lenses(uri, (all) => titles(all).some((title) => title.startsWith('recall 0.800')));
    assert.ok(titles(found).includes('2 of 3 runs finished'));
    // As soon as the arm is edited, its result is no longer that of the text.
    client.change(uri, 2, text.replace('after: [1]', 'after: [2]'));
    const edited = await client.lenses(uri, () => true);
    assert.ok(titles(edited).includes('recall 0.000 (baseline)'));
    assert.ok(!titles(edited).some((title) => title.startsWith('recall 0.800')));
    await client.stop();

    const careful = await startServer({ trusted: false });
    const other = careful.open(file, text);
    await careful.diagnostics(other, (d) => d.length === 0);
    assert.deepEqual([...new Set(titles(await careful.lenses(other, () => true)))], ['Plan', 'Compare']);
    await careful.stop();
  },
);

test('the server watches the model: a folder that appears mends the file', needsServer, async () => {
  const { folder, file } = await makeExperiment();
  await rename(join(folder, 'model'), join(folder, 'elsewhere'));
  const client = await startServer();
  const uri = client.open(file, experiment('1e-3'));
  await client.diagnostics(uri, (found) => found.length > 0);
  await rename(join(folder, 'elsewhere'), join(folder, 'model'));
  await client.diagnostics(uri, (found) => found.length === 0);
  await client.stop();
});

test('an analysis that ends while the file is open brings its suggestion', needsServer, async () => {
  const { folder, file } = await makeExperiment();
  const client = await startServer();
  const text = experiment('1e-3');
  const uri = client.open(file, text);
  await client.lenses(uri, (found) => found.length > 0);
  const line = text.split('\n').findIndex((l) => l.startsWith('  s:'));
  const here = { line, character: 3 };
  const offered = () =>
    client.connection.sendRequest<CodeAction[]>('textDocument/codeAction', {
      textDocument: { uri },
      range: { start: here, end: here },
      context: { diagnostics: [] },
    });
  assert.deepEqual(await offered(), []);
  const removal = [0.5, 0.9, 0.4, 0.1, 0.3, 0.2, 0.8, 0.6];
  const importance = { layers: 8, metrics: { removal }, intervals: {} };
  const strata = join(folder, '.strata');
  const model = join(folder, 'model');
  const hash = await hashModel(await openModel(model));
  await analysis(strata, 'x-analysis-00000001', { model, hash, asked: 1, importance });
  let found: CodeAction[] = [];
  while (found.length === 0) {
    await setTimeout(50);
    found = await offered();
  }
  const [{ title, edit }] = found as [CodeAction];
  assert.match(title, /^Write the surgery that removal on general suggests: blocks after 1, 6, without 3/);
  const edits = edit!.changes![uri]!.map(({ newText }) => newText).join('');
  assert.match(edits, /after: \[1, 6\], init: average .*prune: \{ layers: \[3\] \}/s);
  await client.stop();
});
