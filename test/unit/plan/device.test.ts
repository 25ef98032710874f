import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { deviceOf } from '../../../src/plan/device.ts';
import { gatherDevice } from '../../../src/plan/facts/device.ts';
import { temporaryFolder } from '../../support.ts';

const webgpu = { device: 'webgpu' as const, why: 'Device: webgpu.' };
const here = { kind: 'local' as const };
const away = { kind: 'ssh' as const, host: 'gpu-box' };

test('auto is what was found here; on another machine, and where nobody looked, the cpu', () => {
  assert.equal(deviceOf(undefined, { device: 'auto', target: here }, webgpu), 'webgpu');
  assert.equal(deviceOf(undefined, { device: 'auto', target: here }, undefined), 'cpu');
  assert.equal(deviceOf(undefined, { device: 'auto', target: away }, webgpu), 'cpu');
});

test('what is written is taken, and what is asked for goes before it', () => {
  assert.equal(deviceOf(undefined, { device: 'cpu', target: here }, webgpu), 'cpu');
  assert.equal(deviceOf('webgpu', { device: 'cpu', target: away }, undefined), 'webgpu');
  assert.equal(deviceOf('auto', { device: 'cpu', target: here }, webgpu), 'webgpu');
});

test('an answer is remembered, until the drivers that are named are others', async () => {
  const saved = { ...process.env };
  process.env['XDG_CACHE_HOME'] = join(await temporaryFolder(), 'cache');
  try {
    let asked = 0;
    const probe = async () => {
      asked++;
      return webgpu;
    };
    assert.equal(await gatherDevice(undefined), undefined);
    assert.deepEqual(await gatherDevice(probe), webgpu);
    assert.deepEqual(await gatherDevice(undefined), webgpu);
    assert.deepEqual(await gatherDevice(probe), webgpu);
    assert.equal(asked, 1);
    process.env['VK_ICD_FILENAMES'] = '/another/driver.json';
    assert.equal(await gatherDevice(undefined), undefined);
    await gatherDevice(probe);
    assert.equal(asked, 2);
  } finally {
    process.env = saved;
  }
});
