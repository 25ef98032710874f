import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factorName } from '../../../src/model/adapter.ts';
import type { StackLayer } from '../../../src/model/types.ts';
import { updateRatios } from '../../../src/runner/stability.ts';

const layers: StackLayer[] = [
  { kind: 'kept', base: 0, label: '0' },
  { kind: 'new', after: 0, ordinal: 1, label: '0+', init: 'average', sources: [0, 1], identity: true },
  { kind: 'kept', base: 1, label: '1' },
];
const up = (layer: number) => `model.layers.${layer}.mlp.up_proj.weight`;
const down = (layer: number) => `model.layers.${layer}.mlp.down_proj.weight`;

test('the ratio of a part is the norm of all its updates over the norm of all its weights', () => {
  const norms = new Map([
    ['model.embed_tokens.weight', { update: 1, weight: 100 }],
    [up(0), { update: 3, weight: 30 }],
    [down(0), { update: 4, weight: 40 }],
    [down(1), { update: 2, weight: 2 }],
    [factorName(up(2), 'a'), { update: 0, weight: 5 }],
    [factorName(up(2), 'b'), { update: 0, weight: 0 }],
    ['model.norm.weight', { update: 0, weight: 0 }],
  ]);
  assert.deepEqual(updateRatios(norms, layers), {
    embeddings: 0.01,
    0: 0.1,
    '0+': 1,
    1: 0,
    norm: 0,
  });
});
