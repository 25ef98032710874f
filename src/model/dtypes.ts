import type { Dtype } from './types.ts';

/** Values of `bytes` as float32 into `out`; or of `values` as bytes, rounded once to nearest, ties to even. Little-endian. */
export interface DtypeRow {
  bytes: number;
  /** Whether weights may be stored in it. */
  float: boolean;
  /** Name in a config's `torch_dtype` / `dtype`. */
  torch: string;
  decode(bytes: Uint8Array, out: Float32Array | Float64Array): void;
  /** Undefined for types that Strata only reads. */
  encode?(values: Float32Array | Float64Array, out: Uint8Array): void;
}

/** A view of `length` elements, copied only if `bytes` is not aligned for the type. */
function view<T>(
  type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const size = type.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new type(aligned.buffer, aligned.byteOffset, Math.floor(bytes.length / size));
}

function integers(
  type: Parameters<typeof view<{ readonly length: number; readonly [i: number]: number }>>[0],
  torch: string,
): DtypeRow {
  return {
    bytes: type.BYTES_PER_ELEMENT,
    float: false,
    torch,
    decode(bytes, out) {
      const values = view(type, bytes);
      for (let i = 0; i < out.length; i++) out[i] = values[i]!;
    },
  };
}

/** `encode` of a float type as wide as `type`: the store rounds. */
function floats(type: typeof Float32Array | typeof Float64Array, torch: string): DtypeRow {
  return {
    bytes: type.BYTES_PER_ELEMENT,
    float: true,
    torch,
    decode(bytes, out) {
      out.set(view<Float32Array | Float64Array>(type, bytes).subarray(0, out.length));
    },
    encode(values, out) {
      const aligned = out.byteOffset % type.BYTES_PER_ELEMENT === 0;
      const bytes = aligned ? out : new Uint8Array(out.length);
      new type(bytes.buffer as ArrayBuffer, bytes.byteOffset, values.length).set(values);
      if (!aligned) out.set(bytes);
    },
  };
}

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/**
 * Bits of `x` as float32 rounded to odd: truncated, and the last bit set if anything was cut off. A later rounding to a type
 * with at least two bits fewer then equals one rounding of `x` itself (Boldo and Melquiond 2008), which rounding twice to
 * nearest does not.
 */
function oddBits(x: number): number {
  scratchFloat[0] = x;
  const bits = scratchBits[0]!;
  const rounded = scratchFloat[0]!;
  if (rounded === x || Number.isNaN(x)) return bits;
  const truncated = Math.abs(rounded) > Math.abs(x) ? bits - 1 : bits;
  return (truncated | 1) >>> 0;
}

/** bfloat16 bits of `x`, to nearest even; NaN stays a NaN. */
export function toBfloat16(x: number): number {
  const bits = oddBits(x);
  if (Number.isNaN(x)) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** float16 bits of `x`, to nearest even; NaN stays a NaN. */
export function toFloat16(x: number): number {
  const bits = oddBits(x);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) return mantissa ? sign | 0x7e00 : sign | 0x7c00;
  const e = exponent - 112;
  if (e >= 31) return sign | 0x7c00;
  if (e > 0) {
    // Normal: a carry out of the mantissa runs into the exponent, and at the top into infinity, as it should.
    const low = mantissa & 0x1fff;
    const base = (e << 10) | (mantissa >>> 13);
    return sign | (base + (low > 0x1000 || (low === 0x1000 && (base & 1) === 1) ? 1 : 0));
  }
  // Subnormal: steps of 2⁻²⁴.
  const shift = 14 - e;
  if (shift > 24) return sign;
  const full = mantissa | 0x800000;
  const base = full >>> shift;
  const low = full & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (base + (low > half || (low === half && (base & 1) === 1) ? 1 : 0));
}

/** float32 value of float16 bits. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (mantissa + 1024) * 2 ** (exponent - 25);
}

let halfTable: Float32Array | undefined;
function halves(): Float32Array {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => fromFloat16(bits));
  return halfTable;
}

const bfloat16: DtypeRow = {
  bytes: 2,
  float: true,
  torch: 'bfloat16',
  decode(bytes, out) {
    const source = view(Uint16Array, bytes);
    if (out instanceof Float32Array) {
      const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
      for (let i = 0; i < bits.length; i++) bits[i] = source[i]! << 16;
      return;
    }
    for (let i = 0; i < out.length; i++) {
      scratchBits[0] = source[i]! << 16;
      out[i] = scratchFloat[0]!;
    }
  },
  encode(values, out) {
    encode16(values, out, toBfloat16);
  },
};

function encode16(values: Float32Array | Float64Array, out: Uint8Array, round: (x: number) => number): void {
  if (out.byteOffset % 2 === 0) {
    const target = new Uint16Array(out.buffer, out.byteOffset, values.length);
    for (let i = 0; i < target.length; i++) target[i] = round(values[i]!);
    return;
  }
  for (let i = 0; i < values.length; i++) {
    const bits = round(values[i]!);
    out[2 * i] = bits & 0xff;
    out[2 * i + 1] = bits >>> 8;
  }
}

/** Every dtype: how wide, how read, how written. */
export const dtypes: Record<Dtype, DtypeRow> = {
  F64: floats(Float64Array, 'float64'),
  F32: floats(Float32Array, 'float32'),
  F16: {
    bytes: 2,
    float: true,
    torch: 'float16',
    decode(bytes, out) {
      const source = view(Uint16Array, bytes);
      const table = halves();
      for (let i = 0; i < out.length; i++) out[i] = table[source[i]!]!;
    },
    encode(values, out) {
      encode16(values, out, toFloat16);
    },
  },
  BF16: bfloat16,
  I64: {
    bytes: 8,
    float: false,
    torch: 'int64',
    decode(bytes, out) {
      const values = view(BigInt64Array, bytes);
      for (let i = 0; i < out.length; i++) out[i] = Number(values[i]!);
    },
  },
  I32: integers(Int32Array, 'int32'),
  I16: integers(Int16Array, 'int16'),
  I8: integers(Int8Array, 'int8'),
  U8: integers(Uint8Array, 'uint8'),
  BOOL: integers(Uint8Array, 'bool'),
};

/** Bytes of `values` in `dtype`, each value rounded once. Throws for types that are only read. */
export function encode(dtype: Dtype, values: Float32Array | Float64Array): Uint8Array {
  const row = dtypes[dtype];
  if (!row.encode) throw new Error(`no encoder for ${dtype}`);
  const out = new Uint8Array(values.length * row.bytes);
  row.encode(values, out);
  return out;
}

/** Elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
