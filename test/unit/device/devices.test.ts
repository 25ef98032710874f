import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDevice, isSoftware } from '../../../src/device/adapter.ts';
import { deviceRow, devices } from '../../../src/device/devices.ts';

test('auto takes WebGPU on a graphics adapter, and says in one line why not the others', () => {
  const adapter = { name: 'NVIDIA GeForce RTX 4070', software: false, half: true };
  assert.deepEqual(chooseDevice({ found: true, adapter }), {
    device: 'webgpu',
    why: 'Device: webgpu, NVIDIA GeForce RTX 4070 (cpu: slower; cuda: not carried out by this version).',
  });
  assert.deepEqual(chooseDevice({ found: true, adapter: { ...adapter, name: 'llvmpipe', software: true } }), {
    device: 'cpu',
    why: 'Device: cpu (webgpu: llvmpipe computes on the processor; cuda: not carried out by this version).',
  });
  assert.deepEqual(chooseDevice({ found: false, reason: 'no Vulkan driver is installed' }), {
    device: 'cpu',
    why: 'Device: cpu (webgpu: no Vulkan driver is installed; cuda: not carried out by this version).',
  });
});

test('drivers that compute on the processor are known by name', () => {
  for (const name of [
    'SwiftShader Device (Subzero)',
    'llvmpipe (LLVM 15.0.6, 256 bits)',
    'Microsoft Basic Render Driver',
  ])
    assert.equal(isSoftware(name), true, name);
  for (const name of ['NVIDIA H100 80GB HBM3', 'AMD Radeon RX 7900 XTX (RADV NAVI31)', 'Apple M3', undefined])
    assert.equal(isSoftware(name), false, name);
});

test('a device that is not carried out is refused with what can be used instead', () => {
  assert.throws(
    () => deviceRow('cuda'),
    (error) => {
      const { code, message, remedy } = (error as { problem: Record<string, string> }).problem;
      assert.deepEqual([code, remedy], ['not-available', 'Use `device: webgpu`.']);
      assert.match(message!, /does not compute on the device cuda: its trainer/);
      return true;
    },
  );
});

test('no device is offered a precision that its products do not have', () => {
  for (const { provider, precisions, state } of Object.values(devices)) {
    if (provider === 'cpu') assert.deepEqual([...precisions, state], ['float32', 'wasm']);
  }
});
