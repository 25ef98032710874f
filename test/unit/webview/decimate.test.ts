import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decimate } from '../../../webview/model/decimate.ts';

const line = (n: number, y: (i: number) => number) => Array.from({ length: n }, (_, x) => ({ x, y: y(x) }));

test('few points stay as they are', () => {
  const points = line(100, (i) => i);
  assert.deepEqual(decimate(points, [0, 99], 50), points);
});

test('one spike among 100,000 points survives', () => {
  const points = line(100_000, (i) => (i === 54_321 ? 1000 : 0));
  const kept = decimate(points, [0, 99_999], 400);
  assert.ok(kept.length <= 2 * 401);
  assert.ok(kept.some((p) => p.x === 54_321 && p.y === 1000));
});

test('of a part, the points on either side of it are kept, so that the line reaches the edges', () => {
  const kept = decimate(
    line(1000, (i) => i),
    [500.5, 510.5],
    100,
  );
  assert.equal(kept[0]!.x, 500);
  assert.equal(kept.at(-1)!.x, 511);
});

test('what is kept is in order, of the points, and has their extremes', () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 400 });
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 20 }), (ys, buckets) => {
      const points = ys.map((y, x) => ({ x, y }));
      const kept = decimate(points, [0, ys.length - 1], buckets);
      for (const [i, p] of kept.entries()) {
        assert.equal(points[p.x], p);
        assert.ok(i === 0 || kept[i - 1]!.x < p.x);
      }
      assert.equal(Math.max(...kept.map((p) => p.y)), Math.max(...ys));
      assert.equal(Math.min(...kept.map((p) => p.y)), Math.min(...ys));
    }),
  );
});
