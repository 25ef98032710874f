import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { chooseDevice } from '../device/adapter.ts';
import type { ProbeDevice } from '../plan/facts/device.ts';

/** Where Vulkan drivers are announced on Linux; without one there is nothing to try, and nothing needs to be started. */
function announcedDrivers(): boolean {
  if (process.env['VK_ICD_FILENAMES'] || process.env['VK_DRIVER_FILES']) return true;
  const data = [
    ...(process.env['XDG_DATA_DIRS'] ?? '/usr/local/share:/usr/share').split(':'),
    process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'),
    '/etc',
  ];
  return data.map((folder) => join(folder, 'vulkan', 'icd.d')).some((f) => existsSync(f) && readdirSync(f).length > 0);
}

/** Tries WebGPU and says what `auto` takes. */
export const probeDevice: ProbeDevice = async () => {
  if (process.platform === 'linux' && !announcedDrivers()) {
    return chooseDevice({ found: false, reason: 'no Vulkan driver is installed' });
  }
  const { findAdapter } = await import('./find-adapter.ts');
  return chooseDevice(await findAdapter());
};
