import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunPlan } from '../../../src/plan/types.ts';
import { layout } from '../../../src/record/layout.ts';
import { readRun } from '../../../src/record/read.ts';
import { charts } from '../../../src/report/charts.ts';
import { collectRuns } from '../../../src/report/collect.ts';
import { compare } from '../../../src/report/comparison.ts';
import { measuredBeside } from '../../../src/report/measured.ts';
import { temporaryFolder } from '../../support.ts';
import { analysis } from '../record/analysis.ts';

const angular = (values: number[]) => ({ metrics: { angular: values }, intervals: {} });

/** A `.strata` with analyses of a base, of one of its arms after training, and of a larger model. */
async function world() {
  const strata = join(await temporaryFolder(), '.strata');
  const base = await analysis(strata, 'x-analysis-00000001', {
    model: '/models/base',
    hash: 'base',
    asked: 1,
    importance: angular([4, 3, 2, 1]),
  });
  // The run of an arm; its records are an analysis' as far as names go.
  const arm = await analysis(strata, 'x-s-1-00000002', { model: '/models/base', hash: 'base', asked: 2 });
  await rm(join(arm, layout.importance));
  const after = await analysis(strata, 'x-analysis-00000003', {
    model: join(arm, 'model'),
    hash: 'after',
    asked: 3,
    importance: angular([1, 2, 3, 4]),
  });
  const large = await analysis(strata, 'x-analysis-00000004', {
    model: '/models/large',
    hash: 'large',
    asked: 4,
    layers: 6,
  });
  await analysis(strata, 'x-analysis-00000005', { model: '/models/large', hash: 'large', asked: 0, layers: 6 });
  const { spec } = await readRun(base);
  return { strata, base, after, large, plan: { spec } as RunPlan };
}

test('what was measured on the same corpus stands beside the base: the newest of each other model, oldest first', async () => {
  const { strata, plan } = await world();
  const found = await measuredBeside(strata, plan);
  assert.deepEqual(
    found.map(({ name, arm, importance }) => [name, arm, importance.model]),
    [
      ['analysis', 'analysis', 'after'],
      ['large', undefined, 'large'],
    ],
  );
  const [corpus] = plan.spec.analysis!.corpora;
  const elsewhere = { ...corpus!, corpus: { ...corpus!.corpus, hash: 'other' } };
  const other = { spec: { ...plan.spec, analysis: { ...plan.spec.analysis!, corpora: [elsewhere] } } } as RunPlan;
  assert.deepEqual(await measuredBeside(strata, other), []);
});

test('chosen analyses are drawn together, and compared with no arm', async () => {
  const { base, after, large } = await world();
  const runs = await Promise.all([large, after, base].map((folder) => readRun(folder)));
  const input = await collectRuns(runs);
  assert.deepEqual(input.arms, []);
  const comparison = compare(input);
  const drawn = charts(comparison);
  assert.deepEqual(
    drawn.map(({ id, series }) => [id, series.map(({ name }) => name)]),
    [
      ['importance', ['angular']],
      ['importance-angular', ['base', 'analysis', 'large']],
    ],
  );
  assert.match(drawn[1]!.x.label, /depth/);
  const two = charts(compare(await collectRuns(runs.slice(1))))[1]!;
  assert.match(two.note, /Agreement with the ranking of base, Kendall's τ: analysis -1\.00\.$/);
});

test('models that are called alike are told apart by their folder, then by the experiment', async () => {
  const strata = join(await temporaryFolder(), '.strata');
  await mkdir(strata, { recursive: true });
  const models = ['/a/small', '/b/small', '/b/small'];
  const folders: string[] = [];
  for (const [i, model] of models.entries())
    folders.push(await analysis(strata, `x-analysis-0000000${i}`, { model, hash: `${i}`, asked: i }));
  const { measured } = await collectRuns(await Promise.all(folders.map((folder) => readRun(folder))));
  assert.deepEqual(
    measured!.map(({ name }) => name),
    [join('a', 'small'), `${join('b', 'small')}, x`, `${join('b', 'small')}, x`],
  );
});
