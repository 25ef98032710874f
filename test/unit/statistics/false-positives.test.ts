import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equivalence, overSeeds, rates, ratio, type Spread, yesNo } from './nulls.ts';

/**
 * A short version of bench/false-positives.ts, whose 2,000 nulls at many sizes are published in docs/statistics.md. With 300 the
 * standard error of a rate of 5 % is 1.3 %: the limits are the promised ones (at most 5 %, or 5 ± 1.5 %) with three of those
 * around them. The seed is fixed, so this either holds or does not.
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
  const found = rates(trials, 'short yes/no', (g, how) => yesNo(g, 200, how), resamples);
  assert.ok(found['exact McNemar']! <= 0.05 + 3 * error, `exact McNemar rejects ${found['exact McNemar']}`);
  assertNominal(found, ['percentile bootstrap over documents']);
});

test('bits per byte of uneven texts, 200 documents', () => {
  const found = rates(trials, 'short ratio', (g, how) => ratio(g, 200, how), resamples);
  assertNominal(found, ['percentile bootstrap over documents']);
});

const worlds: Record<string, Spread & { tests: string[] }> = {
  'only chance': {
    seeds: 0,
    documents: 0,
    tests: ['percentile bootstrap over documents', 'paired t over seeds', 'cluster bootstrap over both'],
  },
  'seeds differ': { seeds: 0.05, documents: 0, tests: ['paired t over seeds', 'cluster bootstrap over both'] },
  'documents differ': {
    seeds: 0,
    documents: 0.2,
    tests: ['percentile bootstrap over documents', 'cluster bootstrap over both'],
  },
  'both differ': { seeds: 0.03, documents: 0.2, tests: ['cluster bootstrap over both'] },
};
for (const [name, { tests, ...spread }] of Object.entries(worlds)) {
  test(`8 seeds, 200 documents, ${name}`, () => {
    assertNominal(
      rates(trials, `short ${name}`, (g, how) => overSeeds(g, 8, 200, spread, how), resamples),
      tests,
    );
  });
}

test('a loss of exactly the margin is called the same at most in 5 %', () => {
  const found = rates(1000, 'short margin', (g) => equivalence(g, 500, 0.05), 1);
  assert.ok(found['TOST at the margin']! <= 0.05 + 3 * Math.sqrt((0.05 * 0.95) / 1000));
});
