import assert from 'node:assert/strict';
import { test } from 'node:test';
import { because, usedDriver } from '../../../src/cli/find-adapter.ts';

// What the Vulkan loader and Dawn say on stderr, as they said it.

test('the adapter is the one that the loader says it uses', () => {
  const said = `[Vulkan Loader] INFO | DRIVER:             [0] SwiftShader Device (Subzero)
[Vulkan Loader] DRIVER:                Using "SwiftShader Device (Subzero)" with driver: "/usr/lib/chromium/libvk_swiftshader.so"
`;
  assert.deepEqual(usedDriver(said), {
    name: 'SwiftShader Device (Subzero)',
    driver: '/usr/lib/chromium/libvk_swiftshader.so',
  });
  assert.equal(usedDriver(''), undefined);
});

test('the reason is the one that helps', () => {
  const cases: [said: string, reason: string | undefined][] = [
    [
      "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file: No such file or directory",
      'the Vulkan loader (libvulkan.so.1) is not installed',
    ],
    ['Warning: vkCreateInstance: Found no drivers!', 'no Vulkan driver is installed'],
    [
      'Failed to get a WebGPU adapter ... Vulkan shaderUniformBufferArrayDynamicIndexing required',
      'the Vulkan driver lacks shaderUniformBufferArrayDynamicIndexing',
    ],
    ['', undefined],
  ];
  for (const [said, reason] of cases) assert.equal(because(said), reason);
});
