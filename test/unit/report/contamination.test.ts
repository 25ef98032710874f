import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../../src/report/comparison.ts';
import { exports } from '../../../src/report/exports.ts';
import { contrastSentence } from '../../../src/report/words.ts';
import { answers, inputOf, runWith, texts } from './by-hand.ts';

const twenty = (ones: number) => '1'.repeat(ones) + '0'.repeat(20 - ones);
const overlaps = [{ task: 'old', corpora: ['new_facts'], documents: 20, overlapping: [0, 1, 2, 3] }];

test('scores and verdicts are given with and without the documents seen in training', () => {
  const comparison = compare(
    inputOf(
      [
        runWith('base', undefined, { new: answers(twenty(4)), old: answers(twenty(4)) }),
        runWith('s', 1, { new: answers(twenty(16)), old: answers(twenty(12)) }),
      ],
      { overlaps },
    ),
  );
  const old = comparison.contrasts.find((c) => c.task === 'old')!;
  assert.equal(old.documents, 20);
  assert.equal(old.clean!.documents, 16);
  // Of the 16 documents that were not seen, base has 0 right and s 8.
  assert.deepEqual([old.clean!.value, old.clean!.againstValue, old.clean!.effect], [0.5, 0, -0.5]);
  assert.equal(old.clean!.verdict, 'better');
  assert.equal(comparison.contrasts.find((c) => c.task === 'new')!.clean, undefined);
  const value = comparison.arms.find((a) => a.name === 's')!.values.find((v) => v.task === 'old')!;
  assert.deepEqual([value.value, value.clean], [0.6, { value: 0.5, documents: 16 }]);
  assert.match(contrastSentence(old), /Without the 4 documents seen in training: better, -0\.500/);
  for (const format of ['table', 'md', 'html'] as const) {
    assert.match(exports[format].write(comparison, {}), /4 of 20 documents share a run of 13\s+words/);
  }
});

test('too few documents are left: not enough data without them', () => {
  const all = [{ ...overlaps[0]!, overlapping: Array.from({ length: 15 }, (_, i) => i) }];
  const runs = [runWith('base', undefined, { old: answers(twenty(4)) }), runWith('s', 1, { old: answers(twenty(12)) })];
  const { contrasts } = compare(inputOf(runs, { overlaps: all }));
  assert.equal(contrasts[0]!.clean!.verdict, 'not enough data');
  assert.match(contrasts[0]!.clean!.reason!, /Only 5 documents/);
});

test('perplexities without the documents seen: numerator and denominator are summed anew', () => {
  const documents = (nats: number): [number, number][] => Array.from({ length: 12 }, (_, i) => [i < 2 ? 1 : nats, 10]);
  const { contrasts } = compare(
    inputOf(
      [runWith('base', undefined, { old: texts(documents(20)) }), runWith('s', 1, { old: texts(documents(24)) })],
      { overlaps: [{ task: 'old', corpora: ['x'], documents: 12, overlapping: [0, 1] }] },
    ),
  );
  assert.ok(Math.abs(contrasts[0]!.clean!.effect! - 0.4 / Math.LN2) < 1e-12);
});
