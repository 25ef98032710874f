import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SampleRecord } from '../../../src/record/types.ts';
import { compare } from '../../../src/report/comparison.ts';
import { primaryMetric } from '../../../src/report/metrics.ts';
import type { Contrast } from '../../../src/report/types.ts';
import { contrastSentence } from '../../../src/report/words.ts';
import { mcnemarTest } from '../../../src/statistics/exact.ts';
import { answers, inputOf, runWith, texts } from './by-hand.ts';

const ones = (n: number, of: number) => '1'.repeat(n) + '0'.repeat(of - n);
const find = (contrasts: readonly Contrast[], task: string) => contrasts.find((c) => c.task === task)!;

test('every verdict names its tests, n and interval; not enough data has none', () => {
  const seeds = [1, 2, 3].map((seed) =>
    runWith('s', seed, { new: answers(ones(20 + seed, 40)), old: answers('1'.repeat(9)) }),
  );
  const { contrasts } = compare(
    inputOf([runWith('base', undefined, { new: answers(ones(4, 40)), old: answers('1'.repeat(9)) }), ...seeds]),
  );
  const gain = find(contrasts, 'new');
  assert.deepEqual(gain.tests, ['cluster bootstrap over 40 documents and 3 seeds']);
  assert.equal(gain.significance!.test, gain.tests[0]);
  assert.ok(gain.interval!.low > 0 && gain.significance!.p < 0.05);
  assert.match(
    contrastSentence(gain),
    /n = 40 documents, seeds 1, 2, 3 \(cluster bootstrap over 40 documents and 3 seeds\)\. Over documents alone: \[.*\]; over seeds alone: \[/,
  );
  const few = find(contrasts, 'old');
  assert.deepEqual(
    [few.verdict, few.tests, few.significance, few.equivalence],
    ['not enough data', [], undefined, undefined],
  );
});

test('Holm is taken over the tasks of two arms', () => {
  const run = (arm: string, seed: number | undefined, right: number) =>
    runWith(arm, seed, Object.fromEntries(['a', 'b', 'c'].map((t, i) => [t, answers(ones(right - 3 * i, 30))])));
  const { contrasts } = compare(
    inputOf(
      [
        runWith('base', undefined, { a: answers(ones(6, 30)), b: answers(ones(6, 30)), c: answers(ones(6, 30)) }),
        run('s', 1, 18),
      ],
      {
        compare: { forgetting: [] },
      },
    ),
  );
  const p = [12, 9, 6].map((gained) => mcnemarTest(gained, 0));
  assert.deepEqual(
    contrasts.map((c) => c.significance!.adjusted),
    [3 * p[0]!, 2 * p[1]!, p[2]!],
  );
  assert.deepEqual(
    contrasts.map((c) => c.mcnemar!.adjusted),
    contrasts.map((c) => c.significance!.adjusted),
  );
});

test('equivalence: shown on many unchanged documents, not on few, and never claimed from "not distinguishable"', () => {
  const of = (n: number, margin?: number) => {
    const runs = [
      runWith('base', undefined, { old: answers(ones(n, n)) }),
      runWith('s', 1, { old: answers(ones(n, n)) }),
    ];
    return compare(inputOf(runs), { margin }).contrasts[0]!;
  };
  assert.equal(of(40).equivalence!.holds, false);
  assert.equal(of(40).verdict, 'not distinguishable');
  assert.equal(of(400).equivalence!.holds, true);
  assert.match(contrastSentence(of(400)), /Shown to be the same within ±0\.020 \(TOST, p <?=? ?[<0]/);
  assert.equal(of(40, 0.2).equivalence!.holds, true);
});

test('the margin of a perplexity is a share of its value', () => {
  const flat = (nats: number) => texts(Array.from({ length: 30 }, (_, i) => [nats + (i % 3) / 10, 10]));
  const runs = [runWith('base', undefined, { old: flat(20) }), runWith('s', 1, { old: flat(20.01) })];
  const { contrasts } = compare(
    inputOf(runs, { compare: { forgetting: [{ task: 'old', metric: 'word_perplexity' }] } }),
  );
  const { equivalence, againstValue } = contrasts[0]!;
  assert.equal(equivalence!.margin, 0.02 * againstValue!);
});

test('the metric that speaks for a task comes from the tables of tasks', () => {
  assert.equal(primaryMetric(['acc_norm', 'acc']), 'acc');
  assert.equal(primaryMetric(['word_perplexity', 'byte_perplexity', 'bits_per_byte']), 'bits_per_byte');
  assert.equal(primaryMetric(['exact_match_flexible', 'exact_match_strict'], 'gsm8k'), 'exact_match_strict');
  assert.equal(primaryMetric(['pass@10', 'pass@1'], 'humaneval'), 'pass@1');
  assert.equal(primaryMetric(['token_perplexity']), 'token_perplexity');
  assert.equal(primaryMetric(['pass@10']), 'pass@10');
  assert.equal(primaryMetric(['seconds']), undefined);
});

test('token rows have tokens only: their perplexity is compared, and what it is worth is said', () => {
  const rows = (nats: number): SampleRecord[] =>
    Array.from({ length: 20 }, (_, doc) => ({
      doc_id: doc,
      prompt_hash: String(doc),
      loglikelihood: -nats - (doc % 4) / 10,
      tokens: 8,
    }));
  const run = (arm: string, seed: number | undefined, nats: number) => {
    const made = runWith(arm, seed, { fixed: rows(nats) });
    const value = Math.exp((nats + 0.15) / 8);
    return { ...made, run: { ...made.run, scores: { fixed: { token_perplexity: { value, stderr: null, n: 20 } } } } };
  };
  const comparison = compare(
    inputOf([run('base', undefined, 20), run('s', 1, 16)], { compare: { forgetting: [{ task: 'fixed' }] } }),
  );
  const [contrast] = comparison.contrasts;
  assert.equal(contrast!.metric, 'token_perplexity');
  assert.equal(contrast!.verdict, 'better');
  assert.ok(Math.abs(contrast!.againstValue! - Math.exp(20.15 / 8)) < 1e-12);
  assert.ok(comparison.notes.some((n) => n.startsWith('fixed is made of token rows')));
});
