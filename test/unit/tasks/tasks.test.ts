import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchmarkOf, benchmarks, membersOf } from '../../../src/tasks/benchmarks.ts';
import { taskKind, taskKinds } from '../../../src/tasks/kinds.ts';
import { improvement, metricOf, metrics } from '../../../src/tasks/metrics.ts';

test('metrics, kinds and benchmarks are each named once', () => {
  for (const names of [metrics, taskKinds, benchmarks].map((rows) => rows.map((row) => row.name)))
    assert.equal(new Set(names).size, names.length, names.join());
});

test('every metric of a kind or benchmark is in the table of metrics', () => {
  for (const row of [...taskKinds, ...benchmarks])
    for (const metric of row.metrics) assert.ok(metricOf(metric), `${row.name}: ${metric}`);
});

test('primary metrics', () => {
  const primary = (name: string) => benchmarkOf(name)?.metrics[0];
  assert.equal(taskKind('choice').metrics[0], 'acc');
  assert.equal(taskKind('generate').metrics[0], 'exact_match');
  assert.equal(taskKind('perplexity').metrics[0], 'bits_per_byte');
  assert.equal(primary('arc_challenge'), 'acc');
  assert.equal(primary('gsm8k'), 'exact_match_strict');
  assert.equal(primary('humaneval'), 'pass@1');
  assert.equal(primary('wikitext'), 'bits_per_byte');
});

test('MMLU has 57 subjects', () => {
  const subjects = membersOf(benchmarkOf('mmlu')!);
  assert.equal(subjects.length, 57);
  assert.ok(subjects.some((b) => b.name === 'mmlu_high_school_chemistry'));
  const categories = ['stem', 'humanities', 'social_sciences', 'other'].map((c) => benchmarkOf(`mmlu_${c}`)!);
  assert.deepEqual(
    categories
      .flatMap(membersOf)
      .map((b) => b.name)
      .sort(),
    subjects.map((b) => b.name).sort(),
  );
});

test('perplexities are ratios and lower is better; shares are means and higher is better', () => {
  for (const { aggregation, direction } of metrics) assert.equal(aggregation === 'ratio', direction === 'lower');
  assert.equal(improvement('acc', 0.25, 0.5), 0.25);
  assert.equal(improvement('bits_per_byte', 2, 1.5), 0.5);
  assert.throws(() => improvement('accuracy', 0, 1), /no such metric/);
});

test('pass@k is known for every k', () => {
  assert.equal(metricOf('pass@10')?.direction, 'higher');
  assert.equal(metricOf('pass@0'), undefined);
});
