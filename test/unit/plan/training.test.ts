import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrainingSpec } from '../../../src/experiment/types.ts';
import { missingRows, stepsOf } from '../../../src/plan/training.ts';
import { corpus, experiment } from './world.ts';

function training(written: string): TrainingSpec {
  return experiment('arms:\n  a: { train: [all] }', written).arms['a']!.training!;
}

const rows: [written: string, tokens: number, steps: number][] = [
  ['steps: 7', 10_000, 7],
  // batch 4 · sequence 32 = 128 tokens a step
  ['tokens: 1280', 10_000, 10],
  ['tokens: 1281', 10_000, 11],
  ['tokens: 1', 10_000, 1],
  ['epochs: 1', 1280, 10],
  ['epochs: 1', 1281, 11],
  ['epochs: 3', 1280, 30],
  ['epochs: 0.5', 1280, 5],
  ['epochs: 1', 5, 1],
  // Half of the sequences are replay, which does not count.
  ['epochs: 1, replay: { corpus: other, share: 0.5 }', 1280, 20],
];
for (const [written, tokens, steps] of rows)
  test(`${written} of ${tokens} tokens: ${steps} steps`, () =>
    assert.equal(stepsOf(training(written), 32, corpus('text', { tokens })), steps));

test('epochs are unknown until the corpus was counted; steps and tokens are not', () => {
  assert.equal(stepsOf(training('epochs: 1'), 32), undefined);
  assert.equal(stepsOf(training('epochs: 1'), 32, corpus('text', { exact: false })), undefined);
  assert.equal(stepsOf(training('tokens: 1280'), 32), 10);
  assert.equal(stepsOf(training('steps: 3'), 32), 3);
});

test('token rows that are missing, of the main corpus and of the replay', () => {
  const some = (name: string, documents: number) => corpus(name, { kind: 'tokens', documents, rowLength: 32 });
  const written = training('steps: 10, replay: { corpus: other, share: 0.25 }');
  assert.deepEqual(missingRows(written, 10, some('text', 29), some('other', 9)), [
    { corpus: 'text', needed: 30, there: 29 },
    { corpus: 'other', needed: 10, there: 9 },
  ]);
  assert.deepEqual(missingRows(written, 10, some('text', 30), corpus('other', { documents: 1 })), []);
});
