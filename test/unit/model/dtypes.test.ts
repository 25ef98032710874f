import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dtypes, encode, fromFloat16, toBfloat16, toFloat16 } from '../../../src/model/dtypes.ts';
import { mean } from '../../../src/model/mean.ts';

const bfloat16 = (bits: number) => new Float32Array(new Uint32Array([bits << 16]).buffer)[0]!;

describe('bfloat16', () => {
  const cases: [string, number, number][] = [
    ['one', 1, 0x3f80],
    ['minus zero', -0, 0x8000],
    ['a tie goes to even, down', 1 + 2 ** -8, 0x3f80],
    ['a tie goes to even, up', 1 + 3 * 2 ** -8, 0x3f82],
    ['just above a tie goes up', 1 + 2 ** -8 + 2 ** -30, 0x3f81],
    // Rounded to float32 first, this would become the tie above and go down.
    ['above a tie by less than float32 can hold', 1 + 2 ** -8 + 2 ** -40, 0x3f81],
    ['below a tie by less than float32 can hold', 1 + 3 * 2 ** -8 - 2 ** -40, 0x3f81],
    ['the largest value', bfloat16(0x7f7f), 0x7f7f],
    ['halfway from the largest to infinity', 2 ** 128 - 2 ** 119, 0x7f80],
    ['below halfway to infinity', 2 ** 128 - 2 ** 119 - 2 ** 90, 0x7f7f],
    ['beyond float32', 1e300, 0x7f80],
    ['minus infinity', Number.NEGATIVE_INFINITY, 0xff80],
    ['the smallest subnormal', 2 ** -133, 0x0001],
    ['half of it: a tie to even', 2 ** -134, 0x0000],
    ['more than half of it', 2 ** -134 + 2 ** -160, 0x0001],
    ['beneath all', 1e-300, 0x0000],
  ];
  for (const [name, value, bits] of cases)
    test(name, () => assert.equal(toBfloat16(value).toString(16), bits.toString(16)));

  test('not a number stays one', () => assert.ok(Number.isNaN(bfloat16(toBfloat16(Number.NaN)))));
  test('every value is its own rounding', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = bfloat16(bits);
      if (!Number.isNaN(value)) assert.equal(toBfloat16(value), bits);
    }
  });
});

describe('float16', () => {
  const cases: [string, number, number][] = [
    ['one', 1, 0x3c00],
    ['minus two', -2, 0xc000],
    ['the largest value', 65504, 0x7bff],
    ['halfway from the largest to infinity', 65520, 0x7c00],
    ['below halfway to infinity', 65519.999, 0x7bff],
    ['a tie goes to even, down', 1 + 2 ** -11, 0x3c00],
    ['a tie goes to even, up', 1 + 3 * 2 ** -11, 0x3c02],
    ['above a tie by less than float32 can hold', 1 + 2 ** -11 + 2 ** -45, 0x3c01],
    ['the smallest normal', 2 ** -14, 0x0400],
    ['the largest subnormal', 2 ** -14 - 2 ** -24, 0x03ff],
    ['a subnormal that rounds up to a normal', 2 ** -14 - 2 ** -26, 0x0400],
    ['the smallest subnormal', 2 ** -24, 0x0001],
    ['half of it: a tie to even', 2 ** -25, 0x0000],
    ['more than half of it', 2 ** -25 + 2 ** -60, 0x0001],
    ['one and a half of it: a tie to even', 3 * 2 ** -25, 0x0002],
    ['a float32 subnormal', 2 ** -140, 0x0000],
    ['infinity', Number.POSITIVE_INFINITY, 0x7c00],
  ];
  for (const [name, value, bits] of cases)
    test(name, () => assert.equal(toFloat16(value).toString(16), bits.toString(16)));

  test('not a number stays one', () => assert.ok(Number.isNaN(fromFloat16(toFloat16(Number.NaN)))));
  test('every value is its own rounding', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromFloat16(bits);
      if (!Number.isNaN(value)) assert.equal(toFloat16(value), bits);
    }
  });
});

/** The nearest of all finite values of a 16-bit type, ties to the even bits: slow, and plainly right. */
function nearest(x: number, decode: (bits: number) => number, exponentOfInfinity: number): number {
  let low = 0;
  let high = exponentOfInfinity;
  const magnitude = Math.abs(x);
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (decode(middle) <= magnitude) low = middle;
    else high = middle;
  }
  // Beyond the largest value the next step counts, as if the exponent went on.
  const above = high === exponentOfInfinity ? 2 * decode(high - 1) - decode(high - 2) : decode(high);
  const down = magnitude - decode(low);
  const up = above - magnitude;
  const bits = down < up || (down === up && low % 2 === 0) ? low : high;
  return (x < 0 || Object.is(x, -0) ? 0x8000 : 0) | bits;
}

describe('rounding is to nearest, ties to even, from float64 in one step', () => {
  const values = fc.oneof(
    fc.double({ noNaN: true, min: -1e5, max: 1e5 }),
    fc.double({ noNaN: true, min: -1e-4, max: 1e-4 }),
    // Halfway points of either type, and their closest neighbours.
    fc
      .tuple(fc.integer({ min: 0, max: 0x7bfe }), fc.constantFrom(0, 1e-16, -1e-16, 1e-9), fc.boolean())
      .map(([bits, off, half]) => {
        const decode = half ? fromFloat16 : bfloat16;
        const tie = (decode(bits) + decode(bits + 1)) / 2;
        return tie * (1 + off);
      }),
  );
  test('bfloat16', () => {
    fc.assert(
      fc.property(values, (x) => assert.equal(toBfloat16(x), nearest(x, bfloat16, 0x7f80))),
      { numRuns: 3000 },
    );
  });
  test('float16', () => {
    fc.assert(
      fc.property(values, (x) => assert.equal(toFloat16(x), nearest(x, fromFloat16, 0x7c00))),
      { numRuns: 3000 },
    );
  });
});

test('integers and booleans are read as numbers', () => {
  const out = new Float32Array(2);
  dtypes.I64.decode(new Uint8Array(new BigInt64Array([-3n, 5n]).buffer), out);
  assert.deepEqual([...out], [-3, 5]);
  dtypes.I8.decode(new Uint8Array([255, 2]), out);
  assert.deepEqual([...out], [-1, 2]);
  dtypes.BOOL.decode(new Uint8Array([1, 0]), out);
  assert.deepEqual([...out], [1, 0]);
  assert.throws(() => encode('I64', out));
});

test('bytes that are not aligned are read and written all the same', () => {
  for (const dtype of ['F64', 'F32', 'F16', 'BF16'] as const) {
    const stored = new Uint8Array(3 * dtypes[dtype].bytes + 1).subarray(1);
    dtypes[dtype].encode!(new Float32Array([1.5, -2, 0.25]), stored);
    const out = new Float64Array(3);
    dtypes[dtype].decode(stored, out);
    assert.deepEqual([...out], [1.5, -2, 0.25], dtype);
  }
});

describe('averages', () => {
  const bytesOf = (bits: number[]) => new Uint8Array(new Uint16Array(bits).buffer);

  test('two bfloat16 tensors: the fast way gives what float64 and one rounding give', () => {
    const bits = fc.integer({ min: 0, max: 65535 }).filter((b) => !Number.isNaN(bfloat16(b)));
    fc.assert(
      fc.property(fc.array(fc.tuple(bits, bits), { minLength: 1, maxLength: 50 }), (pairs) => {
        const out = new Uint8Array(2 * pairs.length);
        const sources = [0, 1].map((k) => ({ dtype: 'BF16' as const, bytes: bytesOf(pairs.map((p) => p[k]!)) }));
        mean('BF16', sources, out);
        const expected = pairs.map(([a, b]) => (bfloat16(a) + bfloat16(b)) / 2);
        const got = new Uint16Array(out.buffer);
        expected.forEach((value, i) => {
          if (Number.isNaN(value)) assert.ok(Number.isNaN(bfloat16(got[i]!)));
          else assert.equal(got[i], toBfloat16(value));
        });
      }),
      { numRuns: 2000 },
    );
  });

  test('more bfloat16 values than fit one block', () => {
    const n = 10_001;
    const a = Uint16Array.from({ length: n }, (_, i) => toBfloat16(Math.sin(i)));
    const b = Uint16Array.from({ length: n }, (_, i) => toBfloat16(Math.cos(3 * i)));
    const out = new Uint8Array(2 * n);
    mean('BF16', [a, b].map((x) => ({ dtype: 'BF16', bytes: new Uint8Array(x.buffer) })), out); // biome-ignore format: short
    const got = new Uint16Array(out.buffer);
    for (let i = 0; i < n; i++) assert.equal(got[i], toBfloat16((bfloat16(a[i]!) + bfloat16(b[i]!)) / 2));
  });

  test('three float32 tensors are summed in float64', () => {
    const sources = [1e8, 1, -1e8].map((x) => ({ dtype: 'F32' as const, bytes: encode('F32', new Float32Array([x])) }));
    const out = new Uint8Array(4);
    mean('F32', sources, out);
    assert.equal(new Float32Array(out.buffer)[0], Math.fround(1 / 3));
  });

  test('negative zeros stay negative', () => {
    for (const dtype of ['F32', 'BF16', 'F16'] as const) {
      const zeros = { dtype, bytes: encode(dtype, new Float32Array([-0, -0, -0])) };
      const out = new Uint8Array(zeros.bytes.length);
      mean(dtype, [zeros, zeros], out);
      assert.deepEqual(out, zeros.bytes);
    }
  });

  test('sources of different dtypes', () => {
    const sources = [
      { dtype: 'F16' as const, bytes: encode('F16', new Float32Array([1])) },
      { dtype: 'F32' as const, bytes: encode('F32', new Float32Array([2])) },
    ];
    const out = new Uint8Array(2);
    mean('F16', sources, out);
    assert.equal(fromFloat16(new Uint16Array(out.buffer)[0]!), 1.5);
  });
});
