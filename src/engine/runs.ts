import type { PackedBatch } from './packing.ts';

/**
 * Tokens that lie side by side in a row: one sequence, or several that begin alike, of which the common beginning is there
 * once and the rest of each is a segment that sees the beginning besides itself. All lists are aligned.
 */
export interface Run {
  ids: readonly number[];
  positions: readonly number[];
  /** Numbered from 0 in each run. */
  segments: readonly number[];
  /** The segment that is seen besides the token's own (its own where there is none). */
  parents: readonly number[];
}

/** Where a sequence lies: in which run, and at which of its tokens each position. */
export interface Placed {
  run: number;
  /** Positions below it lie at themselves, the others `shift` further on. */
  common: number;
  shift: number;
}

/** Padding is a segment of its own. */
const padding = -1;

/** The shortest beginning worth sharing, in tokens and as a share of the sequence. */
const leastCommon = { tokens: 4, share: 0.25 };

export function plainRun(ids: readonly number[]): Run {
  const zeros = new Array<number>(ids.length).fill(0);
  return { ids, positions: ids.map((_, i) => i), segments: zeros, parents: zeros };
}

/**
 * Runs for sequences in lexicographic order (or its reverse), none of which is the beginning of another. Neighbours that
 * begin alike share a run while that saves tokens and the run is no longer than `longest`.
 */
export function joinBeginnings(
  sequences: readonly (readonly number[])[],
  longest: number,
): { runs: Run[]; placed: Placed[] } {
  const runs: Run[] = [];
  const placed: Placed[] = [];
  for (let start = 0; start < sequences.length; ) {
    const { end, common } = groupFrom(sequences, start, longest);
    const group = sequences.slice(start, end);
    let size = common;
    for (const sequence of group) {
      placed.push({ run: runs.length, common, shift: size - common });
      size += sequence.length - common;
    }
    runs.push(group.length === 1 ? plainRun(group[0]!) : branchedRun(group, common));
    start = end;
  }
  return { runs, placed };
}

/** The token of its run at which a position of a placed sequence lies. */
export function offsetOf({ common, shift }: Placed, position: number): number {
  return position < common ? position : position + shift;
}

function groupFrom(
  sequences: readonly (readonly number[])[],
  start: number,
  longest: number,
): { end: number; common: number } {
  const first = sequences[start]!;
  let common = first.length;
  let total = first.length;
  let end = start + 1;
  for (; end < sequences.length; end++) {
    const next = sequences[end]!;
    const members = end - start;
    const shared = commonBeginning(first, next, common);
    if (shared < Math.max(leastCommon.tokens, leastCommon.share * next.length)) break;
    // A shorter beginning is computed again for the members that are there; it has to save more than that.
    if (members * shared < (members - 1) * common) break;
    const joined = total + next.length - shared + (members - 1) * (common - shared);
    if (joined > longest) break;
    total = joined;
    common = shared;
  }
  return { end, common };
}

/** Length of the common beginning, at most `most`. */
function commonBeginning(a: readonly number[], b: readonly number[], most: number): number {
  const n = Math.min(a.length, b.length, most);
  let i = 0;
  while (i < n && a[i] === b[i]) i++;
  return i;
}

function branchedRun(group: readonly (readonly number[])[], common: number): Run {
  const run = {
    ids: group[0]!.slice(0, common),
    positions: Array.from({ length: common }, (_, i) => i),
    segments: new Array<number>(common).fill(0),
    parents: new Array<number>(common).fill(0),
  };
  for (const [branch, sequence] of group.entries()) {
    for (let i = common; i < sequence.length; i++) {
      run.ids.push(sequence[i]!);
      run.positions.push(i);
      run.segments.push(branch + 1);
      run.parents.push(0);
    }
  }
  return run;
}

/** `ids`, `segments`, `positions` and `parents` of a packed batch of runs: int32 [rows·length] each. */
export function tokenInputs(batch: PackedBatch, runs: readonly Run[]) {
  const size = batch.rows * batch.length;
  const inputs = {
    ids: new Int32Array(size),
    segments: new Int32Array(size).fill(padding),
    positions: new Int32Array(size),
    parents: new Int32Array(size).fill(padding),
  };
  let segment = 0;
  for (const { sequence, row, offset } of batch.places) {
    const { ids, positions, segments, parents } = runs[sequence]!;
    const start = row * batch.length + offset;
    for (let i = 0; i < ids.length; i++) {
      inputs.ids[start + i] = ids[i]!;
      inputs.positions[start + i] = positions[i]!;
      inputs.segments[start + i] = segment + segments[i]!;
      inputs.parents[start + i] = segment + parents[i]!;
    }
    segment += segments.at(-1)! + 1;
  }
  return inputs;
}
