import type { Rows } from './types.ts';

/** No target: the loss leaves the position out (as in transformers). */
export const ignored = -100;

/** Something that gives rows by number. */
export interface RowSource {
  /** Rows in one pass (a fraction where a row lies across two passes); infinite for rows that are taken in order, once. */
  rowsPerPass: number;
  /** Writes row `row` (from 0). */
  write(row: number, out: RowWriter): void;
}

/** Fills one row of a batch from left to right. */
export interface RowWriter {
  /**
   * Puts tokens at `at`. `labels` are aligned with `ids`; each becomes the target of the position before it in the same
   * segment, so the first token of a segment is no target and its last position has none. `continues`: the tokens belong to
   * the segment before them.
   */
  segment(at: number, ids: ArrayLike<number>, labels: ArrayLike<number>, continues?: boolean): void;
}

/** Rows [rows, sequence] filled by `fill`, which is called for each row with its writer. */
export function makeRows(rows: number, sequence: number, fill: (row: number, out: RowWriter) => void): Rows {
  const size = rows * sequence;
  const out: Rows = {
    rows,
    sequence,
    ids: new Int32Array(size),
    targets: new Int32Array(size).fill(ignored),
    segments: new Int32Array(size),
    positions: new Int32Array(size),
  };
  for (let row = 0; row < rows; row++) fill(row, writer(out, row * sequence));
  return out;
}

function writer({ ids, targets, segments, positions }: Rows, base: number): RowWriter {
  let segment = -1;
  return {
    segment(at, newIds, newLabels, continues = false) {
      const start = base + at;
      const joined = continues && at > 0;
      if (!joined) segment++;
      const first = joined ? positions[start - 1]! + 1 : 0;
      for (let i = 0; i < newIds.length; i++) {
        ids[start + i] = newIds[i]!;
        segments[start + i] = segment;
        positions[start + i] = first + i;
        if (i > 0 || joined) targets[start + i - 1] = newLabels[i]!;
      }
    },
  };
}
