import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Role, Verdict } from '../../../src/report/types.ts';
import { decide } from '../../../src/report/verdict.ts';

const above = { low: 0.1, high: 0.3 };
const below = { low: -0.3, high: -0.1 };
const across = { low: -0.1, high: 0.1 };
const touching = { low: 0, high: 0.2 };

const rules: [name: string, role: Role, documents: number, interval: typeof above | undefined, verdict: Verdict][] = [
  ['gain above zero is better', 'gain', 100, above, 'better'],
  ['gain below zero is worse', 'gain', 100, below, 'worse'],
  ['forgetting above zero is worse', 'forgetting', 100, above, 'worse'],
  ['forgetting below zero is better', 'forgetting', 100, below, 'better'],
  ['other metrics are signed like gain', 'other', 100, above, 'better'],
  ['an interval across zero tells nothing', 'gain', 100, across, 'not distinguishable'],
  ['an interval that touches zero does not exclude it', 'gain', 100, touching, 'not distinguishable'],
  ['ten documents are the least', 'gain', 10, above, 'better'],
  ['nine are not enough', 'gain', 9, above, 'not enough data'],
  ['no interval, no verdict', 'gain', 100, undefined, 'not enough data'],
];

for (const [name, role, documents, interval, verdict] of rules) {
  test(name, () => {
    const decided = decide({ role, documents, interval });
    assert.equal(decided.verdict, verdict);
    assert.equal(decided.reason !== undefined, verdict === 'not enough data');
  });
}

test('where the exact test holds, it must agree', () => {
  const verdict = (p: number) =>
    decide({ role: 'gain', documents: 50, interval: above, mcnemar: { p, adjusted: p } }).verdict;
  assert.equal(verdict(0.04), 'better');
  assert.equal(verdict(0.06), 'not distinguishable');
});

test('what rounding leaves of zero is zero', () => {
  const dust = { low: 1e-17, high: 0.2 };
  assert.equal(decide({ role: 'gain', documents: 50, interval: dust }).verdict, 'not distinguishable');
});
