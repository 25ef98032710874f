import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Failure } from '../../../src/base/problem.ts';
import { loadExperiment } from '../../../src/cli/experiment-argument.ts';
import type { Io } from '../../../src/cli/verb.ts';
import { compare as compareVerb } from '../../../src/cli/verbs/compare.ts';
import type { Plan, RunPlan } from '../../../src/plan/types.ts';
import { createExit, createRun } from '../../../src/record/create.ts';
import { findRuns } from '../../../src/record/find.ts';
import { homeOf, layout, samplesFile } from '../../../src/record/layout.ts';
import { collectPlan, collectRuns } from '../../../src/report/collect.ts';
import { compare } from '../../../src/report/comparison.ts';
import { exports } from '../../../src/report/exports.ts';
import { data, needsShared, temporaryFolder } from '../../support.ts';
import { answers } from './by-hand.ts';
import { scoresOf } from './world.ts';

/** An experiment on disk whose runs are made up: planned as they would be, their results written by the test. */

const experiment = (rate: string) => `strata: 1
title: Collected
model: ${data('reference/stories260k-hf')}
corpora: { new: { files: new.jsonl, field: text } }
tasks: { recall: { kind: choice, files: recall.jsonl } }
arms:
  base: {}
  s: { expand: { after: [1], init: average }, train: [new] }
training: { corpus: new, steps: 4, batch: 2, sequence: 32, learning_rate: ${rate} }
compare: { gain: recall }
seeds: [1, 2]
`;

const question = (i: number) =>
  JSON.stringify({ context: `Number ${i} is`, choices: ['odd', 'even'], answer: (i + 1) % 2 });

function terminal(cwd: string) {
  const [out, err]: [string[], string[]] = [[], []];
  const io: Io = {
    cwd,
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    json: false,
    terminal: false,
    columns: 80,
    colour: false,
  };
  return { io, out, err };
}

async function makeExperiment(rate = '1e-3') {
  const folder = await temporaryFolder();
  process.env['XDG_STATE_HOME'] = join(folder, 'state');
  const file = join(folder, 'x.strata.yaml');
  await writeFile(file, experiment(rate));
  await writeFile(join(folder, 'new.jsonl'), `${JSON.stringify({ text: 'One day Lily went to the park.' })}\n`);
  await writeFile(join(folder, 'recall.jsonl'), Array.from({ length: 20 }, (_, i) => `${question(i)}\n`).join(''));
  const plan = async () => (await loadExperiment(terminal(folder).io, file, { depth: 'all' })).plan;
  return { folder, file, plan };
}

/** A finished run with these answers. */
async function finish(plan: Plan, run: RunPlan, results: string, id = run.id, asked = 0): Promise<void> {
  const { file, stem, title } = plan.experiment;
  const home = homeOf(file);
  const { arm, seed, hash, sources, tasks, spec } = run;
  const request = { attempt: 0, experiment: { file, stem, title }, arm, seed, hash, sources, tasks, threads: 1 };
  const more = { version: '0', asked, order: 0, stages: [] };
  assert.ok(await createRun(home, id, { spec, place: { kind: 'local' }, request: { ...request, ...more } }));
  const folder = join(home.runs, id);
  const samples = answers(results);
  await mkdir(join(folder, layout.samples));
  await writeFile(join(folder, samplesFile('recall')), samples.map((s) => `${JSON.stringify(s)}\n`).join(''));
  await writeFile(join(folder, layout.scores), JSON.stringify(scoresOf({ recall: samples })));
  await writeFile(join(folder, layout.evaluated), JSON.stringify({ recall: tasks[0]!.hash }));
  await createExit(folder, 0, { outcome: 'succeeded', by: 'supervisor', time: 0 });
}

const none = '0'.repeat(20);
const most = `${'1'.repeat(16)}0000`;
const planned = (plan: Plan, arm: string, seed?: number) => plan.runs.find((r) => r.arm === arm && r.seed === seed)!;

test('compare FILE takes the runs that the file resolves to, and says what is missing', needsShared, async () => {
  const { folder, plan: planNow } = await makeExperiment();
  const plan = await planNow();
  await finish(plan, planned(plan, 'base'), none);
  await finish(plan, planned(plan, 's', 1), most);
  const { io, out } = terminal(folder);
  assert.equal(await compareVerb.run(io, ['x.strata.yaml'], {}), 0);
  const text = out.join('\n');
  assert.match(text, /^Collected\n/);
  assert.match(text, /base {2}better {2}\+0\.800 \[\+0\.600, \+0\.950\] {2}seed 1 only/);
  assert.match(text, /Missing\n {2}s, seed 2: not started/);
});

test('an edited file resolves to other runs: the old ones are stale and not mixed in', needsShared, async () => {
  const { file, plan: planNow } = await makeExperiment();
  const before = await planNow();
  await finish(before, planned(before, 'base'), none);
  await finish(before, planned(before, 's', 1), most);
  await writeFile(file, experiment('2e-3'));
  const input = await collectPlan(await planNow());
  assert.deepEqual(
    input.runs.map((r) => r.run.request.arm),
    ['base'],
    'the base is the same run, whatever the rate',
  );
  assert.deepEqual(input.stale, [{ id: planned(before, 's', 1).id, arm: 's', seed: 1, state: 'succeeded' }]);
});

test('of runs made again with --fresh the newest counts, the older one is stale', needsShared, async () => {
  const { plan: planNow } = await makeExperiment();
  const plan = await planNow();
  const run = planned(plan, 's', 1);
  await finish(plan, run, none);
  await finish(plan, run, most, `${run.id}-2`);
  const input = await collectPlan(plan);
  assert.deepEqual(
    input.runs.map((r) => r.run.id),
    [`${run.id}-2`],
  );
  assert.deepEqual(
    input.stale.map((s) => [s.id, s.newer]),
    [[run.id, `${run.id}-2`]],
  );
  assert.match(
    exports.table.write(compare(input, { resamples: 100 }), {}),
    /Made again: earlier runs of the same work, not compared\n {2}x-s-1-\w+ \(s, seed 1\): x-s-1-\w+-2 counts/,
  );
});

test('results of a task as it was before are left out, and it is said', needsShared, async () => {
  const { folder, plan: planNow } = await makeExperiment();
  const before = await planNow();
  await finish(before, planned(before, 'base'), none);
  await finish(before, planned(before, 's', 1), most);
  await writeFile(
    join(folder, 'recall.jsonl'),
    `${await readFile(join(folder, 'recall.jsonl'), 'utf8')}${question(20)}\n`,
  );
  const input = await collectPlan(await planNow());
  assert.equal(input.runs.length, 2, 'the weights are the same, so are the runs');
  assert.deepEqual(input.planned[0]!.outdated, ['recall']);
  assert.deepEqual(input.runs[0]!.run.scores, {});
  assert.deepEqual(input.runs[0]!.samples, {});
});

test('compare RUN… by the beginnings of ids; the experiment says which arm is which', needsShared, async () => {
  const { folder, plan: planNow } = await makeExperiment();
  const plan = await planNow();
  await finish(plan, planned(plan, 'base'), none);
  await finish(plan, planned(plan, 's', 1), most);
  await finish(plan, planned(plan, 's', 2), none);
  const { io, out } = terminal(folder);
  assert.equal(await compareVerb.run(io, ['x-base', 'x-s-1'], { format: 'csv' }), 0);
  const [header, row, ...others] = out.join('\n').split('\n');
  assert.equal(others.length, 0);
  assert.match(header!, /^arm,against,role,task,metric,verdict,effect/);
  assert.match(row!, /^s,base,gain,recall,acc,better,0\.8,/);
});

test('runs of one arm that differ in more than the seed are told apart by name', needsShared, async () => {
  const { folder, file, plan: planNow } = await makeExperiment();
  for (const rate of ['1e-3', '2e-3']) {
    await writeFile(file, experiment(rate));
    const plan = await planNow();
    await finish(plan, planned(plan, 's', 1), most);
    await finish(plan, planned(plan, 's', 2), most);
  }
  const input = await collectRuns(await findRuns(folder));
  assert.equal(input.arms.length, 2);
  for (const arm of input.arms) assert.match(arm, /^s [0-9a-f]{6}$/);
  assert.equal(input.runs.length, 4);
});

test('--out writes the format that its ending names', needsShared, async () => {
  const { folder, plan: planNow } = await makeExperiment();
  const plan = await planNow();
  await finish(plan, planned(plan, 'base'), none);
  await finish(plan, planned(plan, 's', 1), most);
  const { io, out, err } = terminal(folder);
  await compareVerb.run(io, ['x.strata.yaml'], { out: 'report.html' });
  assert.deepEqual(out, []);
  assert.match(err.at(-1)!, /Written: .*report\.html/);
  assert.match(await readFile(join(folder, 'report.html'), 'utf8'), /^<!doctype html>/);
});

test('what a user can get wrong has a code', needsShared, async () => {
  const { folder, plan: planNow } = await makeExperiment();
  const plan = await planNow();
  const code = async (args: string[], options: Record<string, unknown> = {}) => {
    try {
      await compareVerb.run(terminal(folder).io, args, options);
    } catch (error) {
      assert.ok(error instanceof Failure, String(error));
      return error.problem.code;
    }
    return 'none';
  };
  assert.equal(await code(['x.strata.yaml']), 'no-results');
  await finish(plan, planned(plan, 'base'), none);
  assert.equal(await code(['x.strata.yaml'], { format: 'pdf' }), 'unknown-format');
  assert.equal(await code(['x.strata.yaml'], { subject: 'nobody' }), 'unknown-arm');
  assert.equal(await code(['x.strata.yaml', 'x-base']), 'usage-compare');
  assert.equal(await code(['nowhere.yaml']), 'file-missing');
  assert.equal(await code(['x-s-9']), 'unknown-run');
});
