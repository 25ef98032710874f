import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allRuns } from '../../../src/plan/analysis.ts';
import { arm, facts, plan } from './world.ts';

const arms = `arms:
  base: {}
  s: { expand: { after: analysis, by: removal, blocks: 2 }, train: [new] }
  cut: { prune: { by: angular, count: 3, contiguous: true } }
  full: { train: [all] }`;
const written = (analysis = '{ corpus: other, tokens: 1000 }') => `analysis: ${analysis}\n${arms}`;
const run = (analysis?: string) => plan(written(analysis)).analysis!.run;

test('an analysis is one run of the base, before all others, that decides the arms that wait', () => {
  const planned = plan(written());
  const { analysis } = planned;
  assert.match(analysis!.run.id, /^test-analysis-[0-9a-f]{8}$/);
  assert.deepEqual(analysis!.arms, ['s', 'cut']);
  assert.deepEqual(
    allRuns(planned).map((r) => r.arm),
    ['analysis', 'base', 'full'],
  );
  assert.deepEqual(analysis!.run.sources, { model: '/model', analysis: [['/data/other.txt']] });
  assert.deepEqual(analysis!.run.spec.surgery, {});
  assert.deepEqual(analysis!.run.spec.trained, []);
});

test('its hash follows what is measured, not the order it was asked for in', () => {
  const { hash } = run();
  assert.equal(
    run('{ corpus: [other], tokens: 1000, metrics: [duplication, removal, influence, angular] }').hash,
    hash,
  );
  for (const other of [
    '{ corpus: text, tokens: 1000 }',
    '{ corpus: [other, text], tokens: 1000 }',
    '{ corpus: other, tokens: 1001 }',
    '{ corpus: other, tokens: 1000, metrics: [removal] }',
    "{ corpus: other, tokens: 1000, tasks: ['perplexity:text'] }",
  ])
    assert.notEqual(run(other).hash, hash, other);
});

test('with only some arms it is there if one of them waits', () => {
  assert.deepEqual(plan(written(), { arms: ['base', 'full'] }).analysis, undefined);
  assert.deepEqual(plan(written(), { arms: ['cut'] }).analysis!.arms, ['cut']);
  assert.equal(plan(arms.replace(/ {2}(s|cut):.*\n/g, '')).analysis, undefined);
});

test('removing each layer costs half a pass a layer; attention a pass more of every corpus', () => {
  const { flops } = plan(written('{ corpus: other, tokens: 1000, metrics: [angular] }')).analysis!.cost;
  const cost = (analysis: string) => plan(written(analysis)).analysis!.cost.flops / flops;
  assert.equal(cost('{ corpus: other, tokens: 1000, metrics: [removal] }'), 17);
  assert.equal(cost('{ corpus: other, tokens: 1000, metrics: [removal, duplication] }'), 33);
  assert.equal(cost('{ corpus: [other, text], tokens: 1000, metrics: [attention] }'), 4);
});

test('what was measured decides the layers', () => {
  const removal = Array.from({ length: 32 }, (_, layer) => (layer === 4 || layer === 9 ? 1 : 0));
  const distances = Array.from({ length: 30 }, (_, from) => (from === 20 ? 0.1 : 0.5));
  const importance = { metrics: { removal, angular: removal }, blocks: [[], [], distances] };
  const planned = plan(written(), { known: facts({ importance }) });
  assert.equal(planned.analysis!.finished, true);
  assert.deepEqual(arm(planned, 's').surgery.expand!.after, [4, 9]);
  assert.deepEqual(arm(planned, 'cut').surgery.prune, [20, 21, 22]);
  assert.deepEqual(
    planned.arms.map(({ pending }) => pending),
    [undefined, undefined, undefined, undefined],
  );
});

test('a layer that is chosen for pruning and for a block at once is an error of the arm', () => {
  const removal = Array.from({ length: 32 }, (_, layer) => layer);
  const both = written().replace('blocks: 2 }', 'blocks: 2 }, prune: { by: duplication, count: 1 }');
  const planned = plan(both, {
    known: facts({ importance: { metrics: { removal, duplication: [...removal].reverse() } } }),
  });
  assert.deepEqual(
    planned.diagnostics.map((d) => d.code),
    ['invalid-surgery'],
  );
  assert.match(planned.diagnostics[0]!.message, /31/);
});
