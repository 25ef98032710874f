import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { pythonRandom } from '../../../src/evaluate/python-random.ts';
import { data, needsShared } from '../../support.ts';

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

interface Draws {
  seed?: number;
  population: number;
  k: number;
  draws: number[][];
}

describe("CPython's random.Random", () => {
  test('gives the bits of seed 1234', () => {
    const r = pythonRandom(1234);
    assert.deepEqual(
      range(4).map(() => r.getrandbits(32)),
      [4150886329, 3342196574, 1892932127, 501869158],
    );
  });

  test('samples like random.sample, call after call', () => {
    const table: [number, number, number[][]][] = [
      [
        7473,
        5,
        [
          [6374, 3610, 957, 61, 742],
          [7462, 6610, 4769, 286, 5501],
        ],
      ],
      [
        10,
        3,
        [
          [7, 1, 0],
          [1, 0, 9],
        ],
      ],
    ];
    for (const [n, k, draws] of table) {
      const r = pythonRandom(1234);
      for (const want of draws) assert.deepEqual(r.sample(range(n), k), want, `${k} of ${n}`);
    }
  });

  test('refuses to draw more than there is', () => {
    assert.throws(() => pythonRandom(1).sample([1, 2], 3), RangeError);
  });

  test('agrees with every recorded vector', needsShared, () => {
    const vectors = JSON.parse(readFileSync(data('reference/lm-eval/python-random.json'), 'utf8'));
    for (const [seed, bits] of Object.entries<number[]>(vectors.getrandbits32_x8)) {
      const r = pythonRandom(Number(seed));
      assert.deepEqual(
        bits.map(() => r.getrandbits(32)),
        bits,
        `seed ${seed}`,
      );
    }
    for (const [seed, values] of Object.entries<number[]>(vectors.random_x4)) {
      const r = pythonRandom(Number(seed));
      assert.deepEqual(
        values.map(() => r.random()),
        values,
        `seed ${seed}`,
      );
    }
    const r = pythonRandom(1234);
    assert.deepEqual(
      vectors.randrange_10_x12.map(() => r.randbelow(10)),
      vectors.randrange_10_x12,
    );
    const rows: Draws[] = [...vectors.sample_sequences_seed_1234, ...vectors.sample_other_seeds];
    for (const { seed = 1234, population, k, draws } of rows) {
      const generator = pythonRandom(seed);
      for (const want of draws) assert.deepEqual(generator.sample(range(population), k), want, `${k} of ${population}`);
    }
    assert.ok(rows.length > 10);
  });
});
