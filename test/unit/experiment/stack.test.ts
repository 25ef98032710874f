import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { regionOf, resolveExpandRule } from '../../../src/experiment/expand-rule.ts';
import { explainSelector, parseSelector } from '../../../src/experiment/selectors.ts';
import { layerChanges, lineage, stackOf } from '../../../src/experiment/stack.ts';
import { nearest } from '../../../src/experiment/suggest.ts';
import type { ArmSpec } from '../../../src/experiment/types.ts';

test('rules of insertion, as in the papers', () => {
  assert.deepEqual(resolveExpandRule('shallow_half', 8, 32), [1, 3, 5, 7, 9, 11, 13, 15]);
  assert.deepEqual(resolveExpandRule('uniform', 8, 32), [3, 7, 11, 15, 19, 23, 27, 31]);
  assert.deepEqual(resolveExpandRule('deep_half', 4, 32), [19, 23, 27, 31]);
  assert.deepEqual(resolveExpandRule('shallow_half', 3, 12), [1, 3, 5]);
  assert.deepEqual(resolveExpandRule('shallow_half', 2, 5), [0, 1]);
  assert.deepEqual(resolveExpandRule('deep_half', 2, 5), [2, 4]);
  assert.equal(resolveExpandRule('analysis', 2, 5), undefined);
  assert.equal(resolveExpandRule('uniform', 6, 5), undefined);
});

test('a rule stays in its region, ends at its last layer, and repeats no layer while there is room', () => {
  const rule = fc.constantFrom('shallow_half' as const, 'deep_half' as const, 'uniform' as const);
  fc.assert(
    fc.property(rule, fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200 }), (r, layers, blocks) => {
      const { start, length } = regionOf(r, layers)!;
      fc.pre(blocks <= length);
      const after = resolveExpandRule(r, blocks, layers)!;
      assert.equal(after.length, blocks);
      assert.equal(after.at(-1), start + length - 1);
      for (const [i, layer] of after.entries()) assert.ok(layer >= start && (i === 0 || layer > after[i - 1]!));
    }),
  );
});

const arm = (parts: Partial<ArmSpec>): ArmSpec => ({ name: 'a', overrides: [], ...parts });

test('the stack that surgery leaves, in base numbers', () => {
  const changes = layerChanges(
    arm({
      expand: { after: { kind: 'layers', layers: [3, 1, 3] }, init: 'copy', identity: true },
      prune: { kind: 'last', count: 2 },
      merge: { into: 5, of: [5, 6, 7] },
    }),
    8,
  );
  assert.deepEqual(changes, { inserted: [1, 3, 3], pruned: [6, 7], merged: 5 });
  assert.deepEqual(
    stackOf(changes, 8)?.map((l) => `${l.label} ${l.kind}`),
    ['0 kept', '1 kept', '1+ new', '2 kept', '3 kept', '3+1 new', '3+2 new', '4 kept', '5 merged'],
  );
});

test('what the model or a measurement decides is unknown without it', () => {
  const ruled = arm({ expand: { after: { kind: 'rule', rule: 'uniform', blocks: 2 }, init: 'copy', identity: true } });
  assert.deepEqual(layerChanges(ruled, undefined), { inserted: undefined, pruned: [] });
  assert.equal(
    stackOf(layerChanges(arm({ prune: { kind: 'by', by: 'influence', count: 1, contiguous: false } }), 8), 8),
    undefined,
  );
});

test('the lineage of an arm', () => {
  const arms = {
    a: arm({}),
    b: { ...arm({ from: 'a' }), name: 'b' },
    c: { ...arm({ from: 'c' }), name: 'c' },
    d: { ...arm({ from: 'x' }), name: 'd' },
  };
  assert.deepEqual(
    lineage({ arms }, 'b')?.map((a) => a.name),
    ['b', 'a'],
  );
  assert.equal(lineage({ arms }, 'c'), undefined);
  assert.equal(lineage({ arms }, 'd'), undefined);
});

test('selectors', () => {
  for (const kind of ['all', 'new', 'merged', 'embeddings', 'head', 'norms'] as const)
    assert.deepEqual(parseSelector(kind), { kind, text: kind });
  assert.deepEqual(parseSelector('layers 1 - 4'), { kind: 'layers', from: 1, to: 4, text: 'layers 1 - 4' });
  assert.deepEqual(parseSelector('layers 7'), { kind: 'layers', from: 7, to: 7, text: 'layers 7' });
  assert.deepEqual(parseSelector('layers 7+'), { kind: 'inserted', after: 7, text: 'layers 7+' });
  assert.deepEqual(parseSelector('layers 7+2'), { kind: 'inserted', after: 7, ordinal: 2, text: 'layers 7+2' });
  assert.deepEqual(parseSelector('lm_head.weight'), { kind: 'glob', text: 'lm_head.weight' });
  assert.deepEqual(parseSelector('*norm*'), { kind: 'glob', text: '*norm*' });
  for (const wrong of ['', 'layer 3', 'layers', 'layers 4-1', 'layers 3+0', 'layers -1', 'everything', 'a b.c'])
    assert.equal(parseSelector(wrong), undefined, wrong);
});

test('a selector that is meant is found', () => {
  const meant = (text: string) => explainSelector(text).meant;
  assert.equal(meant('layer 3'), 'layers 3');
  assert.equal(meant('3'), 'layers 3');
  assert.equal(meant('layers 4-1'), 'layers 1-4');
  assert.equal(meant('layers 1..4'), 'layers 1-4');
  assert.equal(meant('layers 3+0'), 'layers 3+1');
  assert.equal(meant('embedings'), 'embeddings');
  assert.equal(meant('everything'), undefined);
});

test('nearest words', () => {
  const words = ['learning_rate', 'schedule', 'steps', 'epochs'];
  assert.equal(nearest('learning-rate', words), 'learning_rate');
  assert.equal(nearest('Steps', words), 'steps');
  assert.equal(nearest('setps', words), 'steps');
  assert.equal(nearest('optimizer', words), undefined);
});
