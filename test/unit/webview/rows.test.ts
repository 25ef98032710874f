import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialView } from '../../../src/protocol/panel.ts';
import { compare } from '../../../src/report/comparison.ts';
import { arrange, nextSort, windowOf } from '../../../webview/model/arrange.ts';
import { parseFilter } from '../../../webview/model/filter.ts';
import { type Row, tableModel } from '../../../webview/model/rows.ts';
import { makeWorld } from '../report/world.ts';

const comparison = compare(makeWorld([1, 2, 3]), { resamples: 500 });
const table = tableModel(comparison, []);
const view = initialView;

const at = (id: string) => table.columns.findIndex((c) => c.id === id);
const arm = (name: string): Row => table.arms.find((r) => r.arm === name)!;
const text = (name: string, column: string) => arm(name).cells[at(column)]!.text;
const shown = (filter: string) => arrange(table, { ...view, filter }).rows.map((r) => r.arm);

test('one row an arm, its seeds below it', () => {
  assert.deepEqual(
    table.arms.map((r) => r.arm),
    ['base', 's', 'pro', 'lora', 'full', 'control'],
  );
  assert.deepEqual(
    table.seeds.get('s')!.map((r) => r.cells[0]!.text),
    ['seed 1', 'seed 2', 'seed 3'],
  );
  assert.deepEqual(
    table.seeds.get('base')!.map((r) => r.cells[0]!.text),
    ['no seed'],
  );
});

test('only keys of training that differ are columns', () => {
  assert.deepEqual(
    table.columns.filter((c) => c.id.startsWith('key:')).map((c) => c.header),
    ['learning_rate'],
  );
  assert.equal(text('lora', 'key:learning_rate'), '0.006');
  assert.equal(text('base', 'key:learning_rate'), '–');
});

test('values are means with half of the interval over seeds, as the comparison has them', () => {
  const value = comparison.arms.find((a) => a.name === 's')!.values.find((v) => v.task === 'recall_new')!;
  const half = (value.seedInterval!.high - value.seedInterval!.low) / 2;
  assert.equal(text('s', 'value:recall_new/acc'), `${value.value.toFixed(3)} ± ${half.toFixed(3)}`);
  const cell = arm('base').cells[at('value:recall_new/acc')]!;
  assert.doesNotMatch(cell.text, /±/);
  assert.equal(cell.title, 'One seed gives no interval over seeds.');
});

test('every arm has its paired difference to the baseline with interval, n and verdict', () => {
  const contrast = comparison.contrasts.find((c) => c.arm === 's' && c.against === 'base' && c.task === 'recall_new')!;
  const cell = arm('s').cells[at('delta:recall_new/acc')]!;
  assert.match(cell.text, /^\+0\.\d{3} \[\+0\.\d{3}, \+0\.\d{3}\] n=120 better$/);
  assert.equal(cell.value, contrast.effect);
  assert.equal(cell.tone, 'better');
  assert.equal(text('base', 'delta:recall_new/acc'), 'baseline');
});

test('another baseline is another comparison, not other arithmetic', () => {
  const world = makeWorld([1, 2, 3]);
  const pinned = compare({ ...world, compare: { ...world.compare, baseline: 'lora' } }, { resamples: 500 });
  const other = tableModel(pinned, []);
  const column = other.columns.findIndex((c) => c.id === 'delta:recall_new/acc');
  assert.equal(other.arms.find((r) => r.arm === 'lora')!.cells[column]!.text, 'baseline');
  const contrast = pinned.contrasts.find((c) => c.arm === 's' && c.against === 'lora' && c.task === 'recall_new')!;
  assert.equal(other.arms.find((r) => r.arm === 's')!.cells[column]!.value, contrast.effect);
});

test('best on the way has its step', () => {
  assert.match(text('s', 'best:recall_new/acc'), /^0\.\d{3} @ 32$/);
  assert.match(text('s', 'loss:best'), /^\d\.\d{3} @ \d+$/);
});

test('a run that works says how far it is', () => {
  const run = comparison.arms[1]!.runs[0]!;
  const status = { id: run.id, folder: '/runs/x', arm: 's', seed: 1, state: 'running' as const, words: 'running' };
  const live = tableModel(comparison, [{ ...status, progress: { done: 20, total: 80, label: 'steps' } }]);
  assert.equal(live.seeds.get('s')![0]!.cells[1]!.text, 'running 25 %');
  assert.match(live.arms[1]!.cells[1]!.text, /running 25 %/);
});

test('sorting: downwards, upwards, as in the experiment; what has no value stays last', () => {
  let sort = nextSort(undefined, 'value:recall_new/acc');
  const order = () => arrange(table, { ...view, sort }).rows.map((r) => r.arm);
  assert.deepEqual(order(), ['full', 's', 'pro', 'lora', 'control', 'base']);
  sort = nextSort(sort, 'value:recall_new/acc');
  assert.deepEqual(order(), ['base', 'control', 'lora', 'pro', 's', 'full']);
  sort = nextSort(sort, 'value:recall_new/acc');
  assert.deepEqual(order(), ['base', 's', 'pro', 'lora', 'full', 'control']);
  for (const descending of [true, false]) {
    const rows = arrange(table, { ...view, sort: { column: 'loss:last', descending } }).rows;
    assert.equal(rows.at(-1)!.arm, 'base', 'base was not trained');
  }
});

test('seeds are sorted within their arm', () => {
  const sort = { column: 'value:recall_new/acc', descending: true };
  const rows = arrange(table, { ...view, sort, expanded: ['s'] }).rows;
  const seeds = rows.filter((r) => r.kind === 'seed');
  const values = seeds.map((r) => Number(r.cells[at(sort.column)]!.value));
  assert.deepEqual(
    values,
    [...values].sort((a, b) => b - a),
  );
  assert.equal(rows[rows.indexOf(seeds[0]!) - 1]!.arm, 's');
});

const filters: [string, string[]][] = [
  ['', ['base', 's', 'pro', 'lora', 'full', 'control']],
  ['lora', ['lora']],
  ['-lora -full', ['base', 's', 'pro', 'control']],
  ['recall_newacc>0.7', ['s', 'full']],
  ['learning_rate=0.006', ['lora']],
  ['arm!=base loss,last<2.5', ['s', 'pro', 'full']],
  ['better', ['s', 'pro', 'lora', 'full', 'control']],
  ['zzz', []],
];
for (const [filter, arms] of filters) {
  test(`filter “${filter}” leaves ${arms.join(', ') || 'nothing'}`, () => assert.deepEqual(shown(filter), arms));
}

test('a filter that names no column says so and hides nothing', () => {
  const { matches, problem } = parseFilter('nonsense>1', table.columns);
  assert.equal(problem, 'There is no column “nonsense”.');
  assert.ok(table.arms.every(matches));
  assert.equal(parseFilter('loss>x', table.columns).problem, '“x” is no number.');
});

test('only rows on screen exist; the room of the others is kept', () => {
  assert.deepEqual(windowOf(1000, 20, 5000, 200, 5), { first: 245, last: 265, above: 4900, below: 14700 });
  assert.deepEqual(windowOf(3, 20, 0, 400), { first: 0, last: 3, above: 0, below: 0 });
  assert.deepEqual(windowOf(0, 20, 0, 400), { first: 0, last: 0, above: 0, below: 0 });
});
