import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { probe } from '../../src/engine/probe.ts';
import { keptLayers } from '../../src/model/open.ts';
import { stepSeconds } from '../../src/plan/cost.ts';
import { stackOf } from '../../src/plan/selectors.ts';
import { config } from '../unit/plan/world.ts';

test('the speed of a machine is measured by kinds of work, gives times for any training, and leaves nothing behind', async () => {
  const folders = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('strata-speed-'));
  const before = await folders();
  const speed = await probe({ hiddenSize: 64, intermediateSize: 128, heads: 4, kvHeads: 2, headDim: 16 }, 1);
  assert.deepEqual(
    (await folders()).filter((name) => !before.includes(name)),
    [],
  );
  const { flopsPerSecond, node, kinds, optimizer, sum } = speed;
  assert.ok(flopsPerSecond > 1e7 && flopsPerSecond < 1e14, `${flopsPerSecond} FLOP/s`);
  for (const kind of ['matrix product', 'batched product', 'thin product', 'Add', 'Softmax'])
    assert.ok(kinds[kind]! > 0, kind);
  for (const seconds of [node, optimizer, sum, ...Object.values(kinds)]) assert.ok(seconds >= 0 && seconds < 1e-3);
  const stack = stackOf(config(), keptLayers(config().layers));
  const all = { names: new Set(stack.tensors.map((t) => t.name)) };
  const shape = { steps: 1, batch: 4, microBatch: 4, sequence: 32, recompute: false, distilled: false };
  const stored = { dtype: 'float32', bytes: 4 } as const;
  const once = stepSeconds(stack, all, shape, stored, speed);
  assert.ok(once > 0 && once < stepSeconds(stack, all, { ...shape, recompute: true }, stored, speed));
});
