import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { shareBeginnings } from '../../../src/engine/requests.ts';
import { joinBeginnings, offsetOf, plainRun, tokenInputs } from '../../../src/engine/runs.ts';

/** The tokens that token `at` of a run may look at, in the order of their positions, itself included. */
function seenFrom({ ids, positions, segments, parents }: ReturnType<typeof plainRun>, at: number): number[] {
  return ids
    .map((id, i) => ({ id, i, position: positions[i]! }))
    .filter(({ i, position }) => {
      const together = segments[i] === segments[at] || segments[i] === parents[at];
      return together && position <= positions[at]!;
    })
    .sort((a, b) => a.position - b.position)
    .map(({ id }) => id);
}

describe('sequences that begin alike', () => {
  test('are one run: the beginning once, then a branch for each', () => {
    const { runs, placed } = joinBeginnings(
      [
        [1, 2, 3, 4, 5, 6],
        [1, 2, 3, 4, 7],
      ],
      64,
    );
    assert.deepEqual(runs, [
      {
        ids: [1, 2, 3, 4, 5, 6, 7],
        positions: [0, 1, 2, 3, 4, 5, 4],
        segments: [0, 0, 0, 0, 1, 1, 2],
        parents: [0, 0, 0, 0, 0, 0, 0],
      },
    ]);
    assert.deepEqual(
      placed.map((p) => [3, 4].map((position) => offsetOf(p, position))),
      [
        [3, 4],
        [3, 6],
      ],
    );
  });

  test('stay apart where little is common, or where the run would be too long', () => {
    const count = (sequences: number[][], longest: number) => joinBeginnings(sequences, longest).runs.length;
    assert.equal(
      count(
        [
          [1, 2, 3, 4],
          [1, 2, 5, 6],
        ],
        64,
      ),
      2,
    );
    const long = [5, 6, 7].map((last) => [...Array<number>(20).fill(1), last]);
    assert.equal(count(long, 64), 1);
    assert.equal(count(long, 22), 2);
  });

  test('a beginning of another sequence has no pass of its own', () => {
    const { sequences, owner } = shareBeginnings([[1, 2], [1, 3], [1, 2, 4], [1], [1, 2]]);
    assert.deepEqual(sequences.map((s) => s.join()).sort(), ['1,2,4', '1,3']);
    assert.deepEqual(
      owner.map((o) => sequences[o]!.join()),
      ['1,2,4', '1,3', '1,2,4', sequences[owner[3]!]!.join(), '1,2,4'],
    );
  });

  test('every token of every sequence sees exactly what stands before it', () => {
    const sequence = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 14 });
    fc.assert(
      fc.property(
        fc.array(sequence, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 14, max: 60 }),
        (inputs, longest) => {
          const { sequences, owner } = shareBeginnings(inputs);
          const { runs, placed } = joinBeginnings(sequences, longest);
          for (const run of runs) assert.ok(run.ids.length <= longest);
          for (const [i, input] of inputs.entries()) {
            const place = placed[owner[i]!]!;
            for (const position of input.keys()) {
              const seen = seenFrom(runs[place.run]!, offsetOf(place, position));
              assert.deepEqual(seen, input.slice(0, position + 1));
            }
          }
        },
      ),
    );
  });

  test('runs in a batch keep apart, and padding from all of them', () => {
    const runs = [plainRun([7, 8]), plainRun([9])];
    const places = [
      { sequence: 0, row: 0, offset: 0 },
      { sequence: 1, row: 0, offset: 2 },
    ];
    const { ids, segments, parents, positions } = tokenInputs({ rows: 1, length: 4, places }, runs);
    assert.deepEqual([...ids], [7, 8, 9, 0]);
    assert.deepEqual([...segments], [0, 0, 1, -1]);
    assert.deepEqual([...parents], [0, 0, 1, -1]);
    assert.deepEqual([...positions], [0, 1, 0, 0]);
  });
});
