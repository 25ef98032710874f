import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImportanceRecord } from '../../../src/record/importance.ts';
import { agreementSentence, agreements, importanceCharts } from '../../../src/report/importance.ts';
import { importanceTables } from '../../../src/report/importance-tables.ts';
import { importanceText } from '../../../src/report/importance-text.ts';
import { chartSvg } from '../../../src/report/svg.ts';

const record: ImportanceRecord = {
  strata_importance: 1,
  model: 'm',
  corpus: 'general',
  documents: 12,
  tokens: 4096,
  nll: 1.5,
  layers: 4,
  metrics: { angular: [0.4, 0.1, 0.2, 0.3], removal: [8, 0.5, -0.25, 1] },
  intervals: { angular: [[0.39, 0.41], null, null, null], removal: [[7, 9], null, null, null] },
  tasks: {
    recall: { metric: 'acc', documents: 40, base: 0.9, drops: { removal: [0.4, 0, -0.1, 0.2] }, intervals: {} },
  },
  attention: {
    general: { tokens: 4000, entropy: [1, 2, 3, 4], first_token: [0.1, 0.2, 0.3, 0.4], distance: [4, 3, 2, 1] },
  },
};

test("the metrics' agreement is Kendall's τ of each pair", () => {
  // Of six pairs of layers angular and removal order one, 1 and 2, differently.
  assert.deepEqual(agreements(record.metrics), [{ a: 'angular', b: 'removal', tau: (5 - 1) / 6 }]);
  assert.match(agreementSentence(record.metrics)!, /Kendall's τ: angular and removal 0\.67\./);
  assert.equal(agreementSentence({ angular: [1, 2] }), undefined);
  assert.deepEqual(agreements({ angular: [1, 2], removal: [3, 3] }), [], 'a constant ranks nothing');
});

test('importance by layer as text: values with bars of their share of the largest, losses below zero without', () => {
  const lines = importanceText(record, 60);
  assert.match(lines[0]!, /^Importance of 4 layers on 4,096 tokens of 12 documents of$/);
  assert.ok(lines.every((line) => line.length <= 60));
  const row = (layer: number) => lines.find((line) => line.trimStart().startsWith(`${layer} `))!;
  const bars = row(0)
    .match(/█+/g)!
    .map((bar) => bar.length);
  assert.equal(bars[0], bars[1]);
  assert.equal(row(2).match(/█/g)!.length, bars[0]! / 2, 'half as long for half as much, none below zero');
  assert.match(row(2), / -0\.250$/);
  assert.ok(lines.some((line) => line.startsWith('recall: drop of acc')));
  assert.ok(lines.some((line) => line.startsWith('Attention on general')));
  const brief = importanceText(record, 60, true);
  assert.ok(!brief.some((line) => /recall|Attention/.test(line)));
});

test('tables have the numbers with their intervals', () => {
  const [metrics, task, attention] = importanceTables(record);
  assert.deepEqual(metrics!.rows[0], ['0', '0.4000 [0.390, 0.410]', '8.0000 [7.000, 9.000]']);
  assert.deepEqual(metrics!.rows[2], ['2', '0.2000', '-0.2500']);
  assert.deepEqual(task!.rows[3], ['3', '0.2000']);
  assert.deepEqual(
    attention!.columns.map((c) => c.header),
    ['layer', 'entropy, nats', 'share on the first token', 'distance, tokens'],
  );
});

test('one model: its metrics side by side, each as a share of its largest layer', () => {
  const [chart, ...others] = importanceCharts([{ name: 'base', importance: record }]);
  assert.deepEqual(others, []);
  assert.deepEqual(
    chart!.series.map((s) => [s.name, s.points.map((p) => p.y)]),
    [
      ['angular', [1, 0.25, 0.5, 0.3 / 0.4]],
      ['removal', [1, 0.0625, -0.03125, 0.125]],
    ],
  );
  assert.deepEqual(chart!.series[1]!.points[0]!.yInterval, { low: 7 / 8, high: 9 / 8 });
  assert.match(chart!.series[1]!.points[0]!.label, /removal 8\.000 \[7\.00, 9\.00\]/);
  assert.match(chart!.description, /removal is largest at layer 0 \(8\.00\) and smallest at layer 2 \(-0\.250\)/);
  assert.match(chart!.note, /Kendall's τ: angular and removal 0\.67\.$/, 'seen, not only read out');
  assert.match(chartSvg(chart!), /Importance by layer/);
});

test('several models: one chart a metric, by layer, or by depth where they differ in it', () => {
  const deep = { ...record, layers: 2, metrics: { angular: [0.5, 0.1] }, intervals: {} };
  const charts = importanceCharts([
    { name: 'before', importance: record },
    { name: 'after', importance: record },
  ]);
  assert.deepEqual(
    charts.map((c) => c.id),
    ['importance', 'importance-angular', 'importance-removal'],
  );
  assert.equal(charts[0]!.title, 'Importance by layer of before');
  assert.deepEqual(
    charts[1]!.series.map((s) => s.name),
    ['before', 'after'],
  );
  const turned = { ...record, metrics: { angular: [0.1, 0.4, 0.3, 0.2] } };
  const [, trained, alone] = importanceCharts([
    { name: 'before', importance: record },
    { name: 'after', importance: turned, style: 5 },
  ]);
  assert.equal(alone, undefined, 'a metric that only one has is no comparison');
  assert.match(trained!.note, /Agreement with the ranking of before, Kendall's τ: after -1\.00\./);
  assert.match(trained!.description, /after: angular is largest at layer 1 .* after -1\.00\.$/);
  assert.deepEqual(
    trained!.series.map((s) => s.style),
    [1, 5],
  );
  const [, mixed] = importanceCharts([
    { name: 'small', importance: deep },
    { name: 'large', importance: record },
  ]);
  assert.doesNotMatch(mixed!.note, /τ/, 'layers of another model are others');
  assert.match(mixed!.x.label, /depth/);
  assert.deepEqual(
    mixed!.series.map((s) => s.points.map((p) => p.x)),
    [
      [0, 1],
      [0, 1 / 3, 2 / 3, 1],
    ],
  );
  assert.deepEqual(importanceCharts([]), []);
});
