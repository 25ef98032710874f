import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { placeOrders } from '../../src/launch/order.ts';
import { orderOf } from '../../src/launch/submit.ts';
import type { Plan } from '../../src/plan/types.ts';
import { createAttempt } from '../../src/record/create.ts';
import { newestImportance, readImportance } from '../../src/record/importance.ts';
import { home, homeOf, layout } from '../../src/record/layout.ts';
import { readRun } from '../../src/record/read.ts';
import type { Run } from '../../src/record/types.ts';
import { collectPlan } from '../../src/report/collect.ts';
import { compare } from '../../src/report/comparison.ts';
import { temporaryFolder } from '../support.ts';
import { buildStrata, experiment, placeRuns, planOf, startWorker, work, writeWorld } from './runner-support.ts';

const program = await buildStrata('analyze-run');

const text = experiment({
  arms: `  base: {}
  s:
    expand: { after: analysis, by: removal, blocks: 1, init: copy }
    prune: { by: angular, count: 2, contiguous: true }
    train: [new]`,
  evaluation:
    'evaluation: { tasks: [recall] }\nanalysis: { corpus: [general, facts], tokens: 600, tasks: [recall], metrics: [angular, removal, attention] }',
});

async function placeAnalysis({ experiment: own, analysis }: Plan): Promise<Run> {
  const order = orderOf({ experiment: own }, analysis!.run, { fresh: false, threads: 1 });
  const [placed] = await placeOrders(homeOf(own.file), { kind: 'local' }, [order]);
  return placed!.run;
}

test('an analysis is a run; what waits for it is planned when it has finished', async () => {
  const folder = await temporaryFolder();
  await writeWorld(folder);
  const before = await planOf(folder, 'layers', text);
  const arm = (plan: Plan) => plan.arms.find(({ name }) => name === 's')!;
  assert.match(arm(before).pending!, /"expand" and "prune" wait for the analysis/);
  assert.deepEqual(
    before.runs.map((run) => run.arm),
    ['base'],
  );
  assert.match(before.analysis!.run.id, /^layers-analysis-[0-9a-f]{8}$/);
  assert.deepEqual(before.analysis!.arms, ['s']);
  assert.equal(before.analysis!.finished, false);

  const run = await placeAnalysis(before);
  assert.deepEqual(run.request.stages, ['analyze']);
  const ended = await work(program, run.folder);
  assert.equal(ended.code, 0, ended.stderr);
  const importance = (await readImportance(run.folder))!;
  assert.equal(importance.layers, 4);
  assert.deepEqual(Object.keys(importance.metrics), ['angular', 'removal']);
  assert.deepEqual(Object.keys(importance.tasks!), ['recall']);
  assert.deepEqual(Object.keys(importance.attention!), ['general', 'facts']);

  const after = await planOf(folder, 'layers', text);
  assert.equal(after.analysis!.finished, true);
  const { surgery, pending } = arm(after);
  assert.equal(pending, undefined);
  const { removal } = importance.metrics;
  assert.deepEqual(surgery.expand!.after, [removal!.indexOf(Math.max(...removal!))]);
  const pairs = importance.blocks![1]!;
  const first = pairs.lastIndexOf(Math.min(...pairs));
  assert.deepEqual(surgery.prune, [first, first + 1]);

  // What was measured stands beside the verdict, and the analysis is no run of an arm.
  await work(program, (await placeRuns({ ...after, runs: after.runs.slice(0, 1) }))[0]!.folder);
  const comparison = compare(await collectPlan(after));
  assert.deepEqual(comparison.importance, importance);
  assert.deepEqual(await newestImportance(homeOf(after.experiment.file).folder, 'layers'), importance);
  assert.equal(await newestImportance(homeOf(after.experiment.file).folder, 'others'), undefined);
  assert.deepEqual(comparison.stale, []);
});

test('killed at any moment and resumed, the measurement is the same byte for byte', async () => {
  const folder = await temporaryFolder();
  await writeWorld(folder);
  const plan = await planOf(folder, 'kill', text);
  const run = await placeAnalysis(plan);
  assert.equal((await work(program, run.folder)).code, 0);
  const file = join(run.folder, layout.importance);
  const whole = await readFile(file, 'utf8');

  const { cache } = home(join(folder, '.strata'));
  await rm(file);
  await rm(join(cache, 'analyses'), { recursive: true });
  let attempt = 1;
  let kills = 0;
  for (let wait = 400; ; wait += 250, attempt++) {
    await createAttempt(run.folder, { ...run.request, attempt });
    const { child, ended } = startWorker(program, run.folder, attempt);
    const timer = setTimeout(() => child.kill('SIGKILL'), wait);
    const { signal } = await ended;
    clearTimeout(timer);
    if (signal !== 'SIGKILL') break;
    kills++;
    assert.ok(!existsSync(file) || (await readFile(file, 'utf8')) === whole, 'it is there whole or not at all');
  }
  assert.ok(kills > 0, 'it was killed');
  assert.equal(await readFile(file, 'utf8'), whole);
  assert.equal((await readRun(run.folder)).attempts, attempt + 1);
});
