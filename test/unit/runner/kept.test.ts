import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScoreRecord } from '../../../src/record/types.ts';
import { bestOf } from '../../../src/runner/kept.ts';

const scores = (task: string, metric: string, values: number[]): ScoreRecord[] =>
  values.map((value, i) => ({ step: 10 * i, task, metric, value }));
const curve = [
  ...scores('recall', 'acc_norm', [0, 9, 9, 9, 9]),
  ...scores('recall', 'acc', [0.9, 0.2, 0.5, 0.5, 0.4]),
  ...scores('perplexity:old', 'bits_per_byte', [1, 3, 2.5, 2, 2.2]),
];

test('the best is that of the primary metric, in its direction; the start is no choice, and of equals the earliest is taken', () => {
  assert.deepEqual(bestOf(curve, 'recall', 40), { step: 20, metric: 'acc', value: 0.5 });
  assert.deepEqual(bestOf(curve, 'perplexity:old', 40), { step: 30, metric: 'bits_per_byte', value: 2 });
});

test('what comes later does not count, so a resumed run chooses as it did before', () => {
  assert.equal(bestOf(curve, 'recall', 10)?.step, 10);
  assert.equal(bestOf(curve, 'recall', 0), undefined);
  assert.equal(bestOf(curve, 'other', 40), undefined);
});

test('a score that is no number is never the best', () => {
  const broken = scores('recall', 'acc', [0, Number.NaN, 0.1]);
  assert.equal(bestOf(broken, 'recall', 20)?.step, 20);
});
