import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import { lowestBlock, ranking } from '../../../src/plan/importance.ts';
import { suggestSurgery, surgeryYaml } from '../../../src/plan/suggest-surgery.ts';

test('layers are ranked from the most important; of equals the shallower first', () => {
  assert.deepEqual(ranking([0.1, 0.5, 0.1, 0.9]), [3, 1, 0, 2]);
});

test('the block of n layers that turns the last token least; of equals the deepest', () => {
  const blocks = [
    [0.4, 0.1, 0.1, 0.3],
    [0.5, 0.2, 0.4],
  ];
  assert.deepEqual(lowestBlock(blocks, 1), [2]);
  assert.deepEqual(lowestBlock(blocks, 2), [1, 2]);
  assert.equal(lowestBlock(blocks, 3), undefined);
  assert.equal(lowestBlock(undefined, 1), undefined);
});

test('blocks go after the most important quarter, the least important sixteenth goes', () => {
  const removal = Array.from({ length: 32 }, (_, layer) => 32 - layer);
  assert.deepEqual(suggestSurgery({ metrics: { angular: [1], removal } }, 32), {
    by: 'removal',
    expand: [0, 1, 2, 3, 4, 5, 6, 7],
    prune: [30, 31],
  });
});

test('what a model loses goes before how far a layer turns its input', () => {
  const values = [3, 2, 1, 0];
  const by = (...names: string[]) =>
    suggestSurgery({ metrics: Object.fromEntries(names.map((n) => [n, values])) }, 4)?.by;
  assert.equal(by('influence', 'angular', 'removal'), 'removal');
  assert.equal(by('influence', 'angular'), 'angular');
  assert.equal(by('duplication'), 'duplication');
  assert.equal(by(), undefined);
  assert.equal(suggestSurgery({ metrics: { removal: values, angular: values } }, 4, 'angular')?.by, 'angular');
  assert.equal(suggestSurgery({ metrics: { removal: values } }, 4, 'angular'), undefined);
  assert.equal(suggestSurgery({ metrics: { removal: [1] } }, 1), undefined);
});

test('no layer is deleted that a block stands after, and the lines are YAML that says the same', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: -5, max: 5 }), { minLength: 2, maxLength: 64 }), (removal) => {
      const suggested = suggestSurgery({ metrics: { removal } }, removal.length)!;
      assert.ok(suggested.expand.length > 0 && suggested.prune.length > 0);
      assert.ok(suggested.prune.every((layer) => !suggested.expand.includes(layer)));
      assert.deepEqual(parseYaml(surgeryYaml(suggested).join('\n')), {
        expand: { after: suggested.expand, init: 'average' },
        prune: { layers: suggested.prune },
        train: ['new'],
      });
    }),
  );
});
