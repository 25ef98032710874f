import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { needs } from './support.ts';

/**
 * Drivers that compute Vulkan on the processor, so that WebGPU runs on machines without a graphics adapter: SwiftShader, of
 * Debian's chromium (no half precision), and lavapipe, of Mesa 23.3 or newer (with it). `npm test` brings them where it can.
 */
const drivers = {
  swiftshader: ['/usr/lib/chromium/vk_swiftshader_icd.json'],
  lavapipe: [
    join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'strata-vulkan', 'lvp_icd.json'),
    '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json',
    '/usr/share/vulkan/icd.d/lvp_icd.json',
  ],
};

const loader = [
  '/usr/lib/x86_64-linux-gnu/libvulkan.so.1',
  '/usr/lib/aarch64-linux-gnu/libvulkan.so.1',
  '/usr/lib64/libvulkan.so.1',
];

/**
 * Makes this process (and those it starts) use a software driver, and says whether tests can: options for node:test. To be
 * called before the first WebGPU session. STRATA_REQUIRE names them `webgpu` and `webgpu-half`.
 */
export function softwareVulkan(name: keyof typeof drivers): { skip: string | false } {
  const driver = drivers[name].find((file) => existsSync(file));
  if (driver !== undefined) {
    process.env['VK_ICD_FILENAMES'] = driver;
    process.env['VK_DRIVER_FILES'] = driver;
    process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
  }
  const there = process.platform === 'linux' && driver !== undefined && loader.some((file) => existsSync(file));
  const part = name === 'swiftshader' ? 'webgpu' : 'webgpu-half';
  return needs(part, there, `the software Vulkan driver ${name} (libvulkan1 and chromium or Mesa) is not here`);
}
