import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { learningRate, warmupSteps } from '../../../src/engine/schedule.ts';

const base = { learning_rate: 1e-3, steps: 20 };

test('a warm-up below 1 is a share of the steps, rounded up; from 1 on it is a count', () => {
  const cases: [number, number, number][] = [
    [0, 20, 0],
    [0.05, 20, 1],
    [0.05, 21, 2],
    [0.5, 7, 4],
    [1, 20, 1],
    [5, 20, 5],
  ];
  for (const [warmup, steps, expected] of cases) assert.equal(warmupSteps({ warmup, steps }), expected);
});

test('rates of transformers, warm-up of 4 steps of 12', () => {
  const rates = (schedule: 'constant' | 'linear' | 'cosine') =>
    Array.from({ length: 13 }, (_, step) => learningRate({ schedule, warmup: 4, steps: 12, learning_rate: 1 }, step));
  const warm = [0, 0.25, 0.5, 0.75];
  assert.deepEqual(rates('constant'), [...warm, ...Array(9).fill(1)]);
  assert.deepEqual(rates('linear'), [...warm, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0]);
  const cosine = [1, 0.9619397662556434, 0.8535533905932737, 0.6913417161825449, 0.5, 0.3086582838174552];
  for (const [i, rate] of cosine.entries()) assert.ok(Math.abs(rates('cosine')[4 + i]! - rate) < 1e-15);
});

test('a rate is never negative and never above the one asked for', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('constant' as const, 'linear' as const, 'cosine' as const),
      fc.nat(40),
      fc.nat(60),
      (schedule, warmup, step) => {
        const rate = learningRate({ ...base, schedule, warmup }, step);
        return rate >= 0 && rate <= base.learning_rate;
      },
    ),
  );
});
