import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answersOf, bitsLossOf, lossOf, rates, type Settings, textsOf, type World } from '../report/nulls.ts';
import { rates as ratesOverDocuments, ratio, yesNo } from './nulls.ts';

/**
 * A short version of bench/false-positives.ts, whose 2,000 nulls at many sizes are published in docs/statistics.md. With 300 the
 * standard error of a rate of 5 % is 1.3 %: the limits are the promised ones (at most 5 %, or 5 ± 1.5 %) with three of those
 * around them. The seeds are fixed, so this either holds or does not.
 */
const trials = 300;
const resamples = 400;
const error = Math.sqrt((0.05 * 0.95) / trials);
const [least, most] = [0.035 - 3 * error, 0.065 + 3 * error];

function assertNominal(found: Record<string, number>, tests: string[]): void {
  for (const name of tests) {
    const rate = found[name]!;
    assert.ok(rate >= least && rate <= most, `${name} rejects ${(100 * rate).toFixed(1)} % of the nulls`);
  }
}

test('one seed, 200 documents: the exact test at most 5 %, the bootstrap about 5 %', () => {
  const found = ratesOverDocuments(trials, 'short yes/no', (g, how) => yesNo(g, 200, how), resamples);
  assert.ok(found['exact McNemar']! <= 0.05 + 3 * error, `exact McNemar rejects ${found['exact McNemar']}`);
  assertNominal(found, ['percentile bootstrap over documents']);
});

test('bits per byte of uneven texts, 200 documents', () => {
  const found = ratesOverDocuments(trials, 'short ratio', (g, how) => ratio(g, 200, how), resamples);
  assertNominal(found, ['percentile bootstrap over documents']);
});

const eight: Settings = { documents: 200, seeds: 8, resamples };

/** The promise is made for verdicts; where both differ, each margin alone finds too much, and a mistake would be seen. */
const worlds: Record<string, World> = {
  'answers, only chance': answersOf({ seeds: 0, documents: 0 }),
  'answers, seeds differ': answersOf({ seeds: 0.3, documents: 0 }),
  'answers, documents differ': answersOf({ seeds: 0, documents: 1 }),
  'answers, both differ': answersOf({ seeds: 0.15, documents: 1 }),
  'bits per byte, both differ': textsOf('bits_per_byte', { seeds: 0.004, documents: 0.05 }),
  'perplexity, both differ': textsOf('word_perplexity', { seeds: 0.004, documents: 0.05 }),
};
for (const [name, world] of Object.entries(worlds)) {
  test(`verdicts over 8 seeds and 200 documents: ${name}`, () => {
    assertNominal(rates(`short ${name}`, trials, world, eight, ['verdict']), ['verdict']);
  });
}

test('where both differ, the intervals of one margin alone find too much', () => {
  const found = rates('short margins', trials, worlds['answers, both differ']!, eight, ['paired t over seeds']);
  assert.ok(found['paired t over seeds']! > most);
});

test('with three seeds a verdict errs at most in 5 %', () => {
  const found = rates('short three', trials, worlds['answers, both differ']!, { ...eight, seeds: 3 }, ['verdict']);
  assert.ok(found['verdict']! <= 0.05 + 3 * error);
});

test('a loss of exactly the margin is called the same at most in 5 %, over one seed and over eight', () => {
  const most = 0.05 + 3 * error;
  const loss = (settings: Partial<Settings>, world: World, margin: number) =>
    rates('short loss', trials, world, { ...eight, role: 'forgetting', margin, ...settings }, ['equivalence'])[
      'equivalence'
    ]!;
  assert.ok(loss({ seeds: 1 }, lossOf(0.05, 0.5, 0.01), 0.05) <= most);
  assert.ok(loss({}, lossOf(0.05, 0.5, 0.01), 0.05) <= most);
  assert.ok(loss({}, bitsLossOf(0.02, { seeds: 0.004, documents: 0.05 }), 0.02) <= most);
});

test('Holm over five tasks: any of them is wrong at most in 5 %', () => {
  const found = rates('short Holm', trials, worlds['answers, both differ']!, { ...eight, tasks: 5 }, [
    'any after Holm',
  ]);
  assert.ok(found['any after Holm']! <= 0.05 + 3 * error);
});
