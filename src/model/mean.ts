import { dtypes, toBfloat16 } from './dtypes.ts';
import type { Dtype } from './types.ts';

/**
 * Plain average of `sources` (bytes of equal element counts) into `out`: summed in float64 in the order given, divided, and
 * rounded once to `dtype`. All arrays begin at multiples of 8 bytes.
 */
export function mean(dtype: Dtype, sources: { dtype: Dtype; bytes: Uint8Array }[], out: Uint8Array): void {
  const [first, second] = sources;
  const fast = sources.length === 2 && sources.every((source) => source.dtype === dtype) ? pairs[dtype] : undefined;
  if (fast) {
    fast(first!.bytes, second!.bytes, out);
    return;
  }
  const count = out.length / dtypes[dtype].bytes;
  const sum = new Float64Array(count);
  const values = new Float64Array(count);
  sources.forEach((source, k) => {
    const target = k === 0 ? sum : values;
    dtypes[source.dtype].decode(source.bytes, target);
    if (k > 0) for (let i = 0; i < count; i++) sum[i] = sum[i]! + values[i]!;
  });
  for (let i = 0; i < count; i++) sum[i] = sum[i]! / sources.length;
  dtypes[dtype].encode!(sum, out);
}

type PairMean = (a: Uint8Array, b: Uint8Array, out: Uint8Array) => void;

/** Blocks that stay in the first-level cache between the passes. */
const block = 4096;
const bitsA = new Uint32Array(block);
const bitsB = new Uint32Array(block);
const valuesA = new Float32Array(bitsA.buffer);
const valuesB = new Float32Array(bitsB.buffer);

/** The two dtypes that checkpoints come in, without the detour over float64 arrays: a 7B surgery averages billions of values. */
const pairs: Partial<Record<Dtype, PairMean>> = {
  F32(a, b, out) {
    const count = out.length / 4;
    const x = new Float32Array(a.buffer, a.byteOffset, count);
    const y = new Float32Array(b.buffer, b.byteOffset, count);
    const z = new Float32Array(out.buffer, out.byteOffset, count);
    for (let i = 0; i < count; i++) z[i] = (x[i]! + y[i]!) / 2;
  },
  BF16(a, b, out) {
    const count = out.length / 2;
    const x = new Uint16Array(a.buffer, a.byteOffset, count);
    const y = new Uint16Array(b.buffer, b.byteOffset, count);
    const z = new Uint16Array(out.buffer, out.byteOffset, count);
    for (let start = 0; start < count; start += block) {
      const n = Math.min(block, count - start);
      for (let i = 0; i < n; i++) {
        bitsA[i] = x[start + i]! << 16;
        bitsB[i] = y[start + i]! << 16;
      }
      for (let i = 0; i < n; i++) {
        const exact = (valuesA[i]! + valuesB[i]!) / 2;
        valuesA[i] = exact;
        // Rare: float32 cannot hold the average, so rounding to it first could round twice (or it is NaN).
        if (valuesA[i] !== exact) bitsA[i] = toBfloat16(exact) << 16;
      }
      for (let i = 0; i < n; i++) {
        const bits = bitsA[i]!;
        z[start + i] = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
      }
    }
  },
};
