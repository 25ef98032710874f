import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random } from '../../../src/base/random.ts';
import { dequantise, int4Block, quantise, scalesShape } from '../../../src/model/int4.ts';

function round(values: Float32Array, columns: number): Float32Array {
  const { packed, scales } = quantise(values, columns);
  return dequantise(packed, scales, columns);
}

test('whole numbers from −8 to 7 times a power of two come back bit for bit', () => {
  const row = Float32Array.from({ length: 2 * int4Block }, (_, i) => ((i % 16) - 8) * 2 ** -5);
  assert.deepEqual(round(row, row.length), row);
});

test('two values share a byte, the first in the lower half, in two’s complement', () => {
  const { packed, scales } = quantise(Float32Array.of(-8, 1, 7, -1), 4);
  assert.deepEqual([...packed], [0x18, 0xf7]);
  assert.deepEqual([...scales], [1]);
});

test('each block of 32 values of a row has its own factor; the last of a row may be shorter', () => {
  assert.deepEqual(scalesShape([3, 40]), [3, 2]);
  const values = Float32Array.from({ length: 2 * 40 }, (_, i) => (i < 40 ? 1 : 100) * (i % 40 < 32 ? 1 : 10));
  const { scales } = quantise(values, 40);
  const [a, b, c, d] = scales as unknown as [number, number, number, number];
  assert.ok(Math.abs(b / a - 10) < 1e-5 && Math.abs(c / a - 100) < 1e-4 && Math.abs(d / a - 1000) < 1e-3);
});

test('no value is farther from its own than an eleventh of the largest of its block', () => {
  const row = fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: int4Block, maxLength: int4Block });
  fc.assert(
    fc.property(row, (list) => {
      const values = Float32Array.from(list);
      const largest = Math.max(...values.map(Math.abs));
      for (const [i, x] of round(values, int4Block).entries())
        assert.ok(Math.abs(x - values[i]!) <= largest / 10.9 + 1e-30, `${values[i]} became ${x}`);
    }),
  );
});

test('of normal values it loses less than 0.9 % of the energy', () => {
  const draw = random('int4');
  const values = Float32Array.from({ length: 64 * 256 }, () => draw.normal());
  const rounded = round(values, 256);
  const energy = (of: (i: number) => number) => values.reduce((sum, _, i) => sum + of(i) ** 2, 0);
  const lost = energy((i) => rounded[i]! - values[i]!) / energy((i) => values[i]!);
  assert.ok(lost < 0.009, String(lost));
});

test('zeros stay zeros, a value that is no number makes its block none, and odd rows are refused', () => {
  assert.deepEqual(round(new Float32Array(64), 64), new Float32Array(64));
  const broken = round(new Float32Array(64).fill(1).fill(Number.POSITIVE_INFINITY, 3, 4), 64);
  assert.deepEqual([Number.isNaN(broken[0]), Number.isNaN(broken[32])], [true, false]);
  assert.throws(() => quantise(new Float32Array(9), 3), RangeError);
});
