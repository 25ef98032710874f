import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tickLabel } from '../../../webview/model/ticks.ts';

const labels: [number[], string[]][] = [
  [
    [0, 500, 1000, 15_000],
    ['0', '500', '1,000', '15,000'],
  ],
  [
    [-0.2, 0, 0.2],
    ['-0.2', '0.0', '0.2'],
  ],
  [
    [0.05, 0.1],
    ['0.05', '0.10'],
  ],
  [
    [2, 2.5],
    ['2.0', '2.5'],
  ],
  [
    [-2000, -1000],
    ['-2,000', '-1,000'],
  ],
  [
    [0, 2e-7],
    ['0', '2.0e-7'],
  ],
  // What 0.1 × 3 is to a computer.
  [
    [0.2, 0.30000000000000004],
    ['0.2', '0.3'],
  ],
];
for (const [values, expected] of labels) {
  test(`ticks ${values.join(', ')}`, () =>
    assert.deepEqual(
      values.map((v) => tickLabel(v, values[1]! - values[0]!)),
      expected,
    ));
}
