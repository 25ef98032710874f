import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pack, powerOfTwo } from '../../../src/engine/packing.ts';

/** 64, 96, 128, 192, 256, … */
const isRowLength = (length: number) =>
  [length, (length * 4) / 3].some((n) => n >= 64 && n === powerOfTwo(n)) && length >= 64;

describe('packing sequences into rows', () => {
  test('short ones share rows, a long one has a row of its size', () => {
    const lengths = [200, 30, 30, 10, 60];
    assert.deepEqual(pack(lengths, { rows: (length) => 512 / length, longest: 256 }), [
      {
        rows: 1,
        length: 256,
        places: [
          { sequence: 0, offset: 0, row: 0 },
          { sequence: 1, offset: 200, row: 0 },
          { sequence: 3, offset: 230, row: 0 },
        ],
      },
      {
        rows: 2,
        length: 64,
        places: [
          { sequence: 4, offset: 0, row: 0 },
          { sequence: 2, offset: 0, row: 1 },
        ],
      },
    ]);
  });

  test('every sequence lies in one place, none overlaps, and rows and lengths are few', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }).chain((longest) =>
          fc.record({
            longest: fc.constant(longest),
            lengths: fc.array(fc.integer({ min: 1, max: longest }), { maxLength: 200 }),
            tokens: fc.integer({ min: 1, max: 2048 }),
          }),
        ),
        ({ lengths, tokens, longest }) => {
          const batches = pack(lengths, { rows: (length) => tokens / length, longest });
          const seen = batches.flatMap((b) => b.places.map((p) => p.sequence)).sort((a, b) => a - b);
          assert.deepEqual(
            seen,
            lengths.map((_, i) => i),
          );
          for (const { rows, length, places } of batches) {
            assert.equal(rows, powerOfTwo(rows));
            assert.ok(length === longest || isRowLength(length), String(length));
            assert.ok(rows === 1 || rows * length <= tokens);
            const used = new Uint8Array(rows * length);
            for (const { sequence, row, offset } of places) {
              assert.ok(row < rows && offset + lengths[sequence]! <= length);
              for (let i = 0; i < lengths[sequence]!; i++) used[row * length + offset + i]! += 1;
            }
            assert.ok(used.every((n) => n <= 1));
            const empty = rows - new Set(places.map((p) => p.row)).size;
            assert.ok(empty <= rows / 4);
          }
        },
      ),
    );
  });
});
