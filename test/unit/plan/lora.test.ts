import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchRank } from '../../../src/plan/lora.ts';

const rows: [target: number, perRank: number, rank: number][] = [
  [23328, 8704, 3],
  [8704, 8704, 1],
  [13056, 8704, 1],
  [13057, 8704, 2],
  [1, 8704, 1],
  [0, 8704, 1],
  [-500, 8704, 1],
  // Llama-2-7B: nine blocks of 202,383,360 parameters against all linear modules of 32 layers.
  [1_821_450_240, 32 * (4 * (4096 + 4096) + 3 * (4096 + 11008)), 729],
];
for (const [target, perRank, rank] of rows)
  test(`${target} parameters at ${perRank} a rank: rank ${rank}`, () => assert.equal(matchRank(target, perRank), rank));

test('no other rank is nearer', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 1e6 }), (target, perRank) => {
      const rank = matchRank(target, perRank);
      const distance = (r: number) => Math.abs(r * perRank - target);
      assert.ok(rank >= 1);
      assert.ok(distance(rank) <= distance(rank + 1));
      assert.ok(rank === 1 || distance(rank) < distance(rank - 1));
    }),
  );
});
