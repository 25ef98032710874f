import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Role, Verdict } from '../../../src/report/types.ts';
import { decide } from '../../../src/report/verdict.ts';

const above = { low: 0.1, high: 0.3 };
const below = { low: -0.3, high: -0.1 };
const across = { low: -0.1, high: 0.1 };
const touching = { low: 0, high: 0.2 };

const rules: [
  name: string,
  role: Role,
  documents: number,
  seeds: number[],
  documentInterval: typeof above | undefined,
  seedInterval: typeof above | undefined,
  verdict: Verdict,
][] = [
  ['gain above zero is better', 'gain', 100, [1, 2, 3], above, above, 'better'],
  ['gain below zero is worse', 'gain', 100, [1, 2, 3], below, below, 'worse'],
  ['forgetting above zero is worse', 'forgetting', 100, [1, 2, 3], above, above, 'worse'],
  ['forgetting below zero is better', 'forgetting', 100, [1, 2, 3], below, below, 'better'],
  ['other metrics are signed like gain', 'other', 100, [1, 2, 3], above, above, 'better'],
  ['an interval across zero tells nothing', 'gain', 100, [1, 2, 3], across, above, 'not distinguishable'],
  ['an interval that touches zero does not exclude it', 'gain', 100, [1], touching, undefined, 'not distinguishable'],
  ['three seeds need the seed interval too', 'gain', 100, [1, 2, 3], above, across, 'not distinguishable'],
  ['with the same sign', 'gain', 100, [1, 2, 3], above, below, 'not distinguishable'],
  ['two seeds do not', 'gain', 100, [1, 2], above, across, 'better'],
  ['one seed does not', 'gain', 100, [1], above, undefined, 'better'],
  ['arms without seeds need documents only', 'forgetting', 100, [], above, undefined, 'worse'],
  ['ten documents are the least', 'gain', 10, [1], above, undefined, 'better'],
  ['nine are not enough', 'gain', 9, [1], above, undefined, 'not enough data'],
  ['no interval, no verdict', 'gain', 100, [1], undefined, undefined, 'not enough data'],
];

for (const [name, role, documents, seeds, documentInterval, seedInterval, verdict] of rules) {
  test(name, () => {
    const decided = decide({ role, documents, seeds, documentInterval, seedInterval });
    assert.equal(decided.verdict, verdict);
    assert.equal(decided.reason !== undefined, verdict === 'not enough data');
  });
}

test('what rounding leaves of zero is zero', () => {
  const dust = { low: 1e-17, high: 0.2 };
  assert.equal(
    decide({ role: 'gain', documents: 50, seeds: [1], documentInterval: dust }).verdict,
    'not distinguishable',
  );
});
