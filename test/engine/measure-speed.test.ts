import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { measureSpeed } from '../../src/cli/measure-speed.ts';

test('the speed of training is measured with real steps, and nothing is left behind', async () => {
  const probes = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('strata-speed-'));
  const before = await probes();
  const shape = { hiddenSize: 64, intermediateSize: 128, heads: 4, kvHeads: 2, headDim: 16 };
  const flopsPerSecond = await measureSpeed(shape, 1);
  assert.ok(Number.isFinite(flopsPerSecond) && flopsPerSecond > 1e6, String(flopsPerSecond));
  assert.deepEqual(
    (await probes()).filter((name) => !before.includes(name)),
    [],
  );
});
