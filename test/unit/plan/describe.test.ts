import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, count, duration, flops, parameters, percent } from '../../../src/plan/amounts.ts';
import { layerLabels, ranges, segments, trainedGroups } from '../../../src/plan/describe.ts';
import { arm, plan } from './world.ts';

test('numbers as ranges', () => {
  assert.equal(ranges([0, 1, 2, 5, 8, 9]), '0-2 5 8-9');
  assert.equal(ranges([3]), '3');
  assert.equal(ranges([]), '');
});

const s = arm(
  plan(
    'arms:\n  s: { expand: { after: [1, 1, 3] }, prune: { layers: [0, 5, 30, 31] }, merge: { into: 29, of: [29, 30] }, train: [new, merged] }',
  ),
  's',
);

test('a stack by both numberings, what was pruned where it was', () => {
  assert.deepEqual(
    segments(s.layers, s.pruned).map(({ kind, base, now }) => [kind, base, now]),
    [
      ['pruned', '(0)', ''],
      ['kept', '1', '0'],
      ['new', '1+1', '1'],
      ['new', '1+2', '2'],
      ['kept', '2-3', '3-4'],
      ['new', '3+', '5'],
      ['kept', '4', '6'],
      ['pruned', '(5)', ''],
      ['kept', '6-28', '7-29'],
      ['merged', '29=29-30', '30'],
      ['pruned', '(30-31)', ''],
    ],
  );
});

test('layers by both numberings where they differ', () => {
  assert.equal(layerLabels([1, 2, 5, 30], s.layers), '1 (1+1) 2 (1+2) 5 (3+) 30 (29)');
  assert.equal(layerLabels([3, 4, 6, 7, 8], s.layers), '3-4 (2-3) 6 (4) 7-8 (6-7)');
  assert.equal(layerLabels([1, 2, 3], arm(plan('arms:\n  a: {}'), 'a').layers), '1-3');
});

test('trained tensors that are alike read as one group', () => {
  const a = arm(plan('arms:\n  a: { train: [layers 3-4, norms, head, "model.layers.7.mlp.*"] }'), 'a');
  const others = Array.from({ length: 32 }, (_, i) => i).filter((i) => ![3, 4, 7].includes(i));
  const groups = trainedGroups(a.trained, a.config);
  assert.deepEqual(
    groups.map(({ layers, modules, whole }) => [layers, modules.length, whole]),
    [
      [others, 2, false],
      [[3, 4], 9, true],
      [[7], 5, false],
      [[], 2, false],
    ],
  );
  assert.deepEqual(groups.at(-1)?.modules, ['model.norm', 'lm_head']);
});

const amounts: [shown: string, expected: string][] = [
  [count(9216), '9,216'],
  [count(131_072), '131 k'],
  [count(1_234_567), '1.23 M'],
  [parameters(85_008), '85.0 K'],
  [parameters(6_738_415_616), '6.74 B'],
  [bytes(1.5 * 2 ** 30), '1.50 GiB'],
  [bytes(999.9 * 2 ** 20), '0.98 GiB'],
  [flops(24.5e9), '24.5 GFLOP'],
  [flops(0), '0 FLOP'],
  [percent(1, 4), '25.0 %'],
  [percent(1, 100_000), '<0.1 %'],
  [percent(4, 4), '100 %'],
  [duration(0.2), '<1 s'],
  [duration(89), '89 s'],
  [duration(600), '10 min'],
  [duration(3 * 3600), '3.0 h'],
  [duration(3 * 86400), '3.0 days'],
];
for (const [shown, expected] of amounts) test(`amounts: ${expected}`, () => assert.equal(shown, expected));
