/**
 * Sequences of many lengths as batches of few shapes. Short sequences share a row, each a segment of its own (attention
 * stays inside, positions restart), so that little is computed for padding and few sessions are needed.
 */

/** One batch: `rows` rows of `length` tokens, and which sequences lie in it. */
export interface PackedBatch {
  rows: number;
  length: number;
  places: Place[];
}
export interface Place {
  /** Index in the sequences that were given. */
  sequence: number;
  row: number;
  /** First token in the row. */
  offset: number;
}

export interface PackingLimits {
  /** The most rows of this length that a batch may have, 1 or more. */
  rows(length: number): number;
  /** The longest row: the model's positions. */
  longest: number;
}

const shortestRow = 64;

/**
 * Batches for sequences of these lengths (1 … `longest`), longest first. Row lengths are powers of two from 64, or one and
 * a half times that, or `longest`; rows of a batch are a power of two, and at most a quarter of them is empty where a batch is
 * not full.
 */
export function pack(lengths: readonly number[], limits: PackingLimits): PackedBatch[] {
  const rows = fillRows(lengths, limits.longest);
  const batches: PackedBatch[] = [];
  for (let start = 0; start < rows.length; ) {
    const { length } = rows[start]!;
    let same = start;
    while (same < rows.length && rows[same]!.length === length) same++;
    for (const size of batchSizes(same - start, limits.rows(length))) {
      const taken = rows.slice(start, Math.min(start + size, same));
      batches.push({
        rows: size,
        length,
        places: taken.flatMap((r, row) => r.places.map((place) => ({ ...place, row }))),
      });
      start += taken.length;
    }
  }
  return batches;
}

/** The smallest row that holds `length` tokens. */
export function rowLength(length: number, longest: number): number {
  let row = shortestRow;
  while (row < length) row *= 2;
  const between = (3 * row) / 4;
  return Math.min(row > shortestRow && length <= between ? between : row, longest);
}

/** The smallest power of two that is at least n. */
export function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, n)));
}

interface Row {
  length: number;
  used: number;
  places: { sequence: number; offset: number }[];
}

/** First fit of decreasing lengths; the rows come out with their lengths descending. */
function fillRows(lengths: readonly number[], longest: number): Row[] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const rows: Row[] = [];
  // Rows by the tokens that are free in them: finding one is a short walk, however many rows there are.
  const free = new Map<number, Row[]>();
  const put = (row: Row) => {
    const left = row.length - row.used;
    if (left === 0) return;
    const list = free.get(left) ?? [];
    free.set(left, list);
    list.push(row);
  };
  for (const sequence of order) {
    const length = lengths[sequence]!;
    const row = takeFitting(free, length, longest) ?? openRow(rows, rowLength(length, longest));
    row.places.push({ sequence, offset: row.used });
    row.used += length;
    put(row);
  }
  return rows;
}

function openRow(rows: Row[], length: number): Row {
  const row = { length, used: 0, places: [] };
  rows.push(row);
  return row;
}

/** The row in which `length` tokens leave the least room, taken out of `free`. */
function takeFitting(free: Map<number, Row[]>, length: number, longest: number): Row | undefined {
  for (let left = length; left < longest; left++) {
    const list = free.get(left);
    const row = list?.pop();
    if (list?.length === 0) free.delete(left);
    if (row) return row;
  }
  return undefined;
}

/** Sizes of the batches that hold `rows` rows: full ones, then powers of two of which at most a quarter stays empty. */
function batchSizes(rows: number, most: number): number[] {
  const full = 2 ** Math.floor(Math.log2(Math.max(1, most)));
  const sizes: number[] = [];
  for (let left = rows; left > 0; ) {
    let size = Math.min(full, powerOfTwo(left));
    if (size > left && size - left > size / 4) size /= 2;
    sizes.push(size);
    left -= size;
  }
  return sizes;
}
