import { dtypes } from './dtypes.ts';
import { meanKernelsBase64 } from './mean-kernels.ts';
import type { Dtype } from './types.ts';

interface Source {
  dtype: Dtype;
  bytes: Uint8Array;
}

/**
 * Plain average of `sources` (bytes of equal element counts) into `out`: summed in float64 in the order given, divided, and
 * rounded once to `dtype`.
 */
export function mean(dtype: Dtype, sources: readonly Source[], out: Uint8Array): void {
  const count = out.length / dtypes[dtype].bytes;
  const alike = sources.every((source) => source.dtype === dtype);
  if (alike && (dtype === 'BF16' || dtype === 'F16')) meanOf16Bits(dtype, sources, out, count);
  else meanOfAny(dtype, sources, out, count);
}

/** Values averaged at a time: they stay in the second-level cache. */
const block = 16384;

function meanOfAny(dtype: Dtype, sources: readonly Source[], out: Uint8Array, count: number): void {
  const target = dtypes[dtype];
  const sum = new Float64Array(Math.min(block, count));
  const decoded = new Float64Array(sum.length);
  for (let start = 0; start < count; start += block) {
    const n = Math.min(block, count - start);
    const total = sum.subarray(0, n);
    const values = decoded.subarray(0, n);
    // −0 is the neutral element: 0 would turn an average of negative zeros positive.
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

type Add = (source: number, sum: number, n: number) => void;
type Round = (sum: number, out: number, n: number, divisor: number) => void;
interface Kernels {
  bytes: Uint8Array;
  sums: Float64Array;
  BF16: { add: Add; round: Round };
  F16: { add: Add; round: Round };
}

/** Places in the kernels' memory, each of one block: what is added, the result, the sums. */
const place = { source: 0, out: 2 * block, sum: 4 * block };

let loaded: Kernels | undefined;
function kernels(): Kernels {
  if (loaded) return loaded;
  const module = new WebAssembly.Module(Buffer.from(meanKernelsBase64, 'base64'));
  const { memory, ...run } = new WebAssembly.Instance(module, {}).exports as {
    memory: WebAssembly.Memory;
    addBfloat16: Add;
    addFloat16: Add;
    roundBfloat16: Round;
    roundFloat16: Round;
  };
  loaded = {
    bytes: new Uint8Array(memory.buffer),
    sums: new Float64Array(memory.buffer, place.sum, block),
    BF16: { add: run.addBfloat16, round: run.roundBfloat16 },
    F16: { add: run.addFloat16, round: run.roundFloat16 },
  };
  return loaded;
}

/** The dtypes that large checkpoints come in: a 7B surgery averages billions of values, so this is WebAssembly (mean.wat). */
function meanOf16Bits(dtype: 'BF16' | 'F16', sources: readonly Source[], out: Uint8Array, count: number): void {
  const { bytes: memory, sums, ...by } = kernels();
  const { add, round } = by[dtype];
  for (let start = 0; start < count; start += block) {
    const n = Math.min(block, count - start);
    // The kernels take four values at a time; what lies behind the last is computed and not used.
    const padded = Math.ceil(n / 4) * 4;
    sums.fill(-0, 0, padded);
    for (const { bytes } of sources) {
      memory.set(bytes.subarray(2 * start, 2 * (start + n)), place.source);
      add(place.source, place.sum, padded);
    }
    round(place.sum, place.out, padded, sources.length);
    out.set(memory.subarray(place.out, place.out + 2 * n), 2 * start);
  }
}
