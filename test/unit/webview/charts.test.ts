import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialView } from '../../../src/protocol/panel.ts';
import { charts } from '../../../src/report/charts.ts';
import { compare } from '../../../src/report/comparison.ts';
import { drawnChart, groupOf, logarithmicKey, logarithmicRefusal } from '../../../webview/model/drawn.ts';
import { axisRange } from '../../../webview/model/extent.ts';
import { chartCsv, chartMarkdown, fileName } from '../../../webview/model/files.ts';
import { curvesTooltip, nearestIndex, nearestX, pointTooltip, spoken, stepX } from '../../../webview/model/tooltip.ts';
import { makeWorld } from '../report/world.ts';

const comparison = compare(makeWorld([1, 2, 3]), { resamples: 500 });
const all = charts(comparison);
const arms = new Set(comparison.arms.map((a) => a.name));
const chart = (id: string) => all.find((c) => c.id === id)!;
const loss = chart('training-loss');
const view = initialView;
const drawn = (id: string, change = {}) => drawnChart(chart(id), { ...view, ...change }, arms);

test('arms that are switched off are in no chart, nor are their rows', () => {
  const hidden = ['lora', 'base'];
  assert.deepEqual(
    drawn('training-loss', { hidden }).series.map((s) => s.name),
    ['s', 'pro', 'full', 'control'],
  );
  const differences = drawn('differences-recall_new-acc', { hidden });
  assert.deepEqual(differences.y.kind === 'category' && differences.y.categories, ['pro', 'full', 'control']);
  const before = chart('differences-recall_new-acc').series[0]!.points.find((p) => p.label.includes('against full'))!;
  const after = differences.series[0]!.points[1]!;
  assert.equal(after.label, before.label, 'the row moved up with its numbers');
  assert.equal(after.x, before.x);
});

test('a series that is no arm cannot be switched off by an arm of its name', () => {
  assert.equal(drawn('differences-recall_new-acc', { hidden: ['over seeds'] }).series.length, 3);
});

test('smoothing keeps what was recorded behind it and says so; off changes nothing', () => {
  const smoothed = drawn('training-loss', { smoothing: 0.9 });
  assert.deepEqual(smoothed.series[0]!.raw, loss.series[0]!.points);
  assert.notEqual(smoothed.series[0]!.points[20]!.y, loss.series[0]!.points[20]!.y);
  assert.match(smoothed.note, /Smoothed with weight 0.9/);
  assert.deepEqual(drawn('training-loss').series, loss.series);
  assert.equal(drawn('gain-against-recall_old-acc', { smoothing: 0.9 }).series[0]!.raw, undefined);
});

test('what is not recorded one after another is not smoothed', () => {
  const overLayers = {
    ...loss,
    id: 'importance',
    x: { kind: 'number' as const, label: 'layer', unit: 'layers', scale: 'linear' as const },
  };
  assert.equal(drawnChart(overLayers, { ...view, smoothing: 0.9 }, arms).series[0]!.raw, undefined);
});

test('curves over steps share one zoom group; every other chart is its own', () => {
  assert.equal(groupOf(loss), groupOf(chart('during-training-recall_new-acc')));
  assert.notEqual(groupOf(chart('gain-against-recall_old-acc')), groupOf(chart('differences-recall_new-acc')));
});

test('on a logarithmic axis, points at zero are left out and counted', () => {
  const curves = chart('during-training-recall_new-acc');
  const logarithmic = drawn(curves.id, { logarithmic: [logarithmicKey('x', curves)] });
  assert.equal(logarithmic.x.kind === 'number' && logarithmic.x.scale, 'log');
  assert.ok(logarithmic.series.every((s) => s.points.every((p) => p.x > 0)));
  assert.match(logarithmic.note, / Not on a logarithmic axis, because at or below zero: 5\.$/);
  assert.match(logarithmicRefusal('y', chart('differences-recall_new-acc')) ?? '', /names, not numbers/);
});

test('y follows what is visible of x, with the points beyond its edges', () => {
  const zoom = { [groupOf(loss)]: { x: [20, 32] as [number, number] } };
  const [, high] = axisRange('y', drawn('training-loss', { zoom }));
  assert.ok(high < axisRange('y', drawn('training-loss'))[1]);
  assert.deepEqual(axisRange('x', drawn('training-loss', { zoom })), [20, 32]);
  const sparse = axisRange('y', drawn('during-training-recall_new-acc', { zoom }));
  const values = chart('during-training-recall_new-acc').series.flatMap((s) => s.points.map((p) => p.y));
  assert.ok(sparse[1] >= Math.max(...values), 'steps 16 and 32 bound what is seen of 20 to 32');
});

test('rows of names have a unit each', () => {
  assert.deepEqual(axisRange('y', drawn('differences-recall_new-acc')), [-0.5, 4.5]);
});

test('an empty chart still has axes', () => {
  const empty = drawn('training-loss', { hidden: [...arms] });
  assert.deepEqual(axisRange('y', empty).map(Number.isFinite), [true, true]);
  assert.deepEqual(axisRange('x', empty).map(Number.isFinite), [true, true]);
});

test('one tooltip for all charts of a group, largest first, the pointed chart first', () => {
  const group = [drawn('training-loss'), drawn('during-training-recall_new-acc')];
  const tooltip = curvesTooltip(group, 16, 'during-training-recall_new-acc');
  assert.equal(tooltip.heading, 'optimizer steps 16');
  assert.deepEqual(
    tooltip.sections.map((s) => s.chart),
    ['during-training-recall_new-acc', 'training-loss'],
  );
  for (const { rows } of tooltip.sections) {
    const values = rows.map((r) => Number.parseFloat(r.value));
    assert.deepEqual(
      values,
      [...values].sort((a, b) => b - a),
    );
  }
  assert.match(spoken(tooltip), /^optimizer steps 16\. recall_new acc during training: full 0\.\d+/);
});

test('a value of another step says of which', () => {
  const tooltip = curvesTooltip([drawn('training-loss'), drawn('during-training-recall_new-acc')], 20, 'training-loss');
  assert.doesNotMatch(tooltip.sections[0]!.rows[0]!.value, / at /);
  assert.match(tooltip.sections[1]!.rows[0]!.value, / at 16$/);
});

test('the nearest record, and the next one either way', () => {
  const points = [{ x: 1 }, { x: 4 }, { x: 10 }];
  assert.deepEqual(
    [-5, 2, 3, 7.1, 99].map((x) => nearestIndex(points, x)),
    [0, 0, 1, 2, 2],
  );
  assert.equal(nearestIndex([], 1), undefined);
  const chartLike = drawn('during-training-recall_new-acc');
  assert.equal(nearestX(chartLike, 15), 16);
  assert.deepEqual([stepX(chartLike, 16, 1), stepX(chartLike, 16, -1), stepX(chartLike, 32, 1)], [32, 0, 32]);
});

test('a point speaks its own sentence', () => {
  const points = drawn('gain-against-recall_old-acc');
  assert.match(pointTooltip(points, 1, 0)!.sections[0]!.rows[0]!.value, /^s: gain \+0\.\d+, forgetting \+0\.\d+$/);
  assert.equal(pointTooltip(points, 99, 0), undefined);
});

test('CSV holds what is drawn: chosen arms, the visible part, smoothed and recorded, unrounded', () => {
  const zoom = { [groupOf(loss)]: { x: [10, 12] as [number, number] } };
  const csv = chartCsv(drawn('training-loss', { zoom, smoothing: 0.5, hidden: ['s', 'pro', 'lora', 'full'] }));
  const [header, ...rows] = csv.trim().split('\n');
  assert.equal(header, 'series,x,x_low,x_high,y,y_low,y_high,y_recorded');
  assert.deepEqual(
    rows.map((r) => r.split(',').slice(0, 2).join(' ')),
    ['control 10', 'control 11', 'control 12'],
  );
  const recorded = loss.series.find((s) => s.name === 'control')!.points.find((p) => p.x === 11)!.y;
  assert.equal(rows[1]!.split(',').at(-1), String(recorded));
});

test('Markdown is a table with the note', () => {
  const text = chartMarkdown(drawn('differences-recall_new-acc'));
  assert.match(text, /^\*\*s against each arm: recall\\_new acc: the numbers\*\*\n\n\| series \|/);
  assert.match(text, /Bars: 95 % intervals of the paired difference\.\n$/);
});

test('file names hold what every system allows', () => {
  assert.equal(fileName('gain: a/b "c"'), 'gain-a-b-c');
  assert.equal(fileName('..'), 'comparison');
});
