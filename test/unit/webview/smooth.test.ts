import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { smooth } from '../../../webview/model/smooth.ts';

const close = (a: number, b: number) => assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)), `${a} ${b}`);

test('weight 0 is off', () => {
  assert.deepEqual(smooth([3, 1, 2], 0), [3, 1, 2]);
});

test('the first value is itself: nothing pulls the start towards zero', () => {
  close(smooth([10, 10, 10], 0.9)[0]!, 10);
  // By hand, w = 0.5: s1 = 0.5·4 / 0.5 = 4; s2 = (0.5·2 + 0.5·8) / 0.75 = 20/3; s3 = (0.5·5 + 0.5·2) / 0.875 = 4.
  const [first, second, third] = smooth([4, 8, 2], 0.5);
  close(first!, 4);
  close(second!, 20 / 3);
  close(third!, 4);
});

test('a constant stays itself and every value lies between the extremes', () => {
  const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
  fc.assert(
    fc.property(numbers, fc.double({ min: 0, max: 0.99, noNaN: true }), (values, weight) => {
      const smoothed = smooth(values, weight);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      assert.equal(smoothed.length, values.length);
      for (const s of smoothed) assert.ok(s >= low - 1e-3 && s <= high + 1e-3);
    }),
  );
});

test('a gap stays a gap and does not spread', () => {
  const smoothed = smooth([1, Number.NaN, 1], 0.5);
  assert.ok(Number.isNaN(smoothed[1]));
  close(smoothed[2]!, 1);
});
