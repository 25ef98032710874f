import { dtypes, toBfloat16 } from './dtypes.ts';
import type { Dtype } from './types.ts';

interface Source {
  dtype: Dtype;
  bytes: Uint8Array;
}

/**
 * Plain average of `sources` (bytes of equal element counts) into `out`: summed in float64 in the order given, divided, and
 * rounded once to `dtype`. All arrays begin at multiples of 8 bytes.
 */
export function mean(dtype: Dtype, sources: readonly Source[], out: Uint8Array): void {
  const count = out.length / dtypes[dtype].bytes;
  const alike = sources.every((source) => source.dtype === dtype);
  if (alike && dtype === 'BF16') meanOfBfloat16(sources, out, count);
  else meanOfAny(dtype, sources, out, count);
}

/** Values that stay in the first-level cache between the passes. */
const block = 2048;
const sum = new Float64Array(block);
const decoded = new Float64Array(block);

function meanOfAny(dtype: Dtype, sources: readonly Source[], out: Uint8Array, count: number): void {
  const target = dtypes[dtype];
  for (let start = 0; start < count; start += block) {
    const n = Math.min(block, count - start);
    const total = sum.subarray(0, n);
    const values = decoded.subarray(0, n);
    total.fill(-0);
    for (const { dtype: from, bytes } of sources) {
      const size = dtypes[from].bytes;
      dtypes[from].decode(bytes.subarray(start * size, (start + n) * size), values);
      for (let i = 0; i < n; i++) total[i] = total[i]! + values[i]!;
    }
    for (let i = 0; i < n; i++) total[i] = total[i]! / sources.length;
    target.encode!(total, out.subarray(start * target.bytes, (start + n) * target.bytes));
  }
}

const values = new Float32Array(block);
/** The bits of `values`. Signed, as the bitwise operators have it: unsigned words would be kept as doubles. */
const bits = new Int32Array(values.buffer);

/**
 * The dtype that large checkpoints come in, several times faster than the general way: a 7B surgery averages billions of
 * values. A bfloat16 is the upper half of a float32, so both halves of a 32-bit word are unpacked and packed at once.
 * The loops take their arrays as parameters: bundled, module variables are looked up anew in every round.
 */
function meanOfBfloat16(sources: readonly Source[], out: Uint8Array, count: number): void {
  const words = sources.map(({ bytes }) => new Int32Array(bytes.buffer, bytes.byteOffset, count >>> 1));
  const packed = new Int32Array(out.buffer, out.byteOffset, count >>> 1);
  for (let start = 0; start < packed.length; start += block / 2) {
    const n = Math.min(block / 2, packed.length - start);
    // −0 is the neutral element: 0 would turn an average of negative zeros positive.
    sum.fill(-0);
    for (const source of words) addWords(source, start, n, sum, values, bits);
    packWords(packed, start, n, words.length, sum, values, bits);
  }
  if (count % 2 === 1) meanOfLast(sources, out, count);
}

/** Adds `n` words, two values each, to `total`. */
function addWords(
  words: Int32Array,
  start: number,
  n: number,
  total: Float64Array,
  floats: Float32Array,
  ints: Int32Array,
): void {
  for (let i = 0; i < n; i++) {
    const word = words[start + i]!;
    ints[2 * i] = word << 16;
    ints[2 * i + 1] = word & ~0xffff;
  }
  for (let i = 0; i < 2 * n; i++) total[i] = total[i]! + floats[i]!;
}

/** Divides `total` and rounds it into `n` words. */
function packWords(
  packed: Int32Array,
  start: number,
  n: number,
  divisor: number,
  total: Float64Array,
  floats: Float32Array,
  ints: Int32Array,
): void {
  for (let i = 0; i < 2 * n; i++) {
    const exact = total[i]! / divisor;
    floats[i] = exact;
    // Rounding to float32 first goes wrong only where that lands on a tie which the exact average is not.
    if (floats[i] !== exact && (ints[i]! & 0xffff) === 0x8000) ints[i] = toBfloat16(exact) << 16;
  }
  for (let i = 0; i < n; i++) packed[start + i] = rounded(ints[2 * i]!) | (rounded(ints[2 * i + 1]!) << 16);
}

/** bfloat16 bits nearest to float32 bits, ties to even. The values that are NaN here came from bfloat16: no carry disturbs them. */
function rounded(float: number): number {
  return (float + 0x7fff + ((float >>> 16) & 1)) >>> 16;
}

function meanOfLast(sources: readonly Source[], out: Uint8Array, count: number): void {
  const last = (bytes: Uint8Array) => bytes.subarray(2 * count - 2, 2 * count);
  meanOfAny(
    'BF16',
    sources.map(({ dtype, bytes }) => ({ dtype, bytes: last(bytes) })),
    last(out),
    1,
  );
}
