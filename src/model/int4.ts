/**
 * Matrices in four bits: each block of 32 values of a row has one factor in float32, and a value is the factor times a whole
 * number from −8 to 7 (the scheme of llama.cpp's Q4_0, whose factor is float16). Two values share a byte, the first in the
 * lower half, as ONNX packs INT4. 5 bits a weight.
 */
export const int4Block = 32;

export function scalesShape([rows = 0, columns = 0]: readonly number[]): number[] {
  return [rows, Math.ceil(columns / int4Block)];
}

/** Whole numbers that the value of the largest magnitude may become: clipped a little, the others may fit better. */
const ends = [-8, -7.5, -8.8, 7];

/**
 * The factor under which values `from` to `to` lose least, in the sum of squares; NaN if one is no number. Loops by index: a
 * large checkpoint has 10⁹ values.
 */
function bestScale(values: Float32Array, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i++) {
    const x = values[i]!;
    if (Math.abs(x) > Math.abs(largest)) largest = x;
    else if (Number.isNaN(x)) return Number.NaN;
  }
  if (largest === 0) return 0;
  if (Math.abs(largest) === Number.POSITIVE_INFINITY) return Number.NaN;
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const end of ends) {
    const scale = Math.fround(largest / end);
    const inverse = 1 / scale;
    let loss = 0;
    for (let i = from; i < to; i++) {
      const x = values[i]!;
      const rest = x - scale * (nibble(x * inverse) - 8);
      loss += rest * rest;
    }
    if (loss < least) {
      least = loss;
      best = scale;
    }
  }
  return best;
}

/** The nearest whole number from −8 to 7, plus 8. */
function nibble(x: number): number {
  const n = (x + 8.5) | 0;
  return n < 0 ? 0 : Math.min(n, 15);
}

/**
 * Rows of a matrix as packed whole numbers and factors. `values` are whole rows of an even number of `columns`; a value that
 * is no number makes the factor of its block NaN, so that it is not lost.
 */
export function quantise(values: Float32Array, columns: number): { packed: Uint8Array; scales: Float32Array } {
  if (columns % 2 !== 0) throw new RangeError(`rows of ${columns} values do not end with a byte`);
  const rows = values.length / columns;
  const perRow = Math.ceil(columns / int4Block);
  const packed = new Uint8Array(values.length / 2);
  const scales = new Float32Array(rows * perRow);
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < perRow; b++) {
      const from = row * columns + b * int4Block;
      const to = Math.min(from + int4Block, (row + 1) * columns);
      const scale = bestScale(values, from, to);
      scales[row * perRow + b] = scale;
      if (!(Math.abs(scale) > 0)) continue;
      const inverse = 1 / scale;
      for (let i = from; i < to; i += 2) {
        // Two's complement in four bits is the whole number plus 8 with its highest bit turned.
        packed[i / 2] = (nibble(values[i]! * inverse) | (nibble(values[i + 1]! * inverse) << 4)) ^ 0x88;
      }
    }
  }
  return { packed, scales };
}

/** The values that packed rows stand for, as float32: exact, the factor times a small whole number rounded once. */
export function dequantise(packed: Uint8Array, scales: Float32Array, columns: number): Float32Array<ArrayBuffer> {
  const perRow = Math.ceil(columns / int4Block);
  return Float32Array.from({ length: 2 * packed.length }, (_, i) => {
    const nibble = (packed[i >> 1]! >> (i % 2 === 0 ? 0 : 4)) & 15;
    const row = Math.floor(i / columns);
    const scale = scales[row * perRow + Math.floor((i - row * columns) / int4Block)]!;
    return scale * (nibble < 8 ? nibble : nibble - 16);
  });
}
