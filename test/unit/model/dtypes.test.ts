import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { assemble } from '../../../scripts/kernels.mjs';
import { dtypes, encode, fromFloat16, toBfloat16, toFloat16 } from '../../../src/model/dtypes.ts';
import { mean } from '../../../src/model/mean.ts';
import { meanKernelsBase64 } from '../../../src/model/mean-kernels.ts';

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

test('the assembled kernels are those of mean.wat', async () => {
  assert.equal(meanKernelsBase64, await assemble('model/mean.wat'), 'run `node scripts/kernels.mjs`');
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

  for (const [dtype, decode, round] of [
    ['BF16', bfloat16, toBfloat16],
    ['F16', fromFloat16, toFloat16],
  ] as const) {
    const bits = fc.integer({ min: 0, max: 65535 });
    const average = (row: readonly number[]) => row.reduce((sum, b) => sum + decode(b), -0) / row.length;

    test(`any number of ${dtype} tensors: WebAssembly gives what float64 and one rounding give`, () => {
      const columns = fc
        .integer({ min: 1, max: 4 })
        .chain((width) =>
          fc.array(fc.array(bits, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 50 }),
        );
      fc.assert(
        fc.property(columns, (rows) => {
          const sources = rows[0]!.map((_, k) => ({ dtype, bytes: bytesOf(rows.map((row) => row[k]!)) }));
          const out = new Uint8Array(2 * rows.length);
          mean(dtype, sources, out);
          new Uint16Array(out.buffer).forEach((got, i) => {
            const expected = average(rows[i]!);
            if (Number.isNaN(expected)) assert.ok(Number.isNaN(decode(got)));
            else assert.equal(got, round(expected), `${rows[i]}`);
          });
        }),
        { numRuns: 2000 },
      );
    });

    test(`every ${dtype} value is the average of itself and itself`, () => {
      const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
      const source = { dtype, bytes: new Uint8Array(all.buffer) };
      const out = new Uint8Array(131072);
      mean(dtype, [source, source], out);
      const got = new Uint16Array(out.buffer);
      for (const b of all) if (!Number.isNaN(decode(b))) assert.equal(got[b], b);
    });
  }

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
