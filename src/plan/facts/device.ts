import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { privateFolder, readJsonIfThere, writeJsonAtomic } from '../../base/files.ts';
import type { DeviceChosen } from '../../device/adapter.ts';

/** Tries which device is the best here. Given by who may start the program that does. */
export type ProbeDevice = () => Promise<DeviceChosen>;

interface Remembered extends DeviceChosen {
  /** What it was found out under; under anything else it is found out again. */
  under: string;
  /** ISO 8601. */
  tried: string;
}

/** Milliseconds that an answer is taken as it is: drivers come and go. */
const lasts = 24 * 3600 * 1000;

function file(): string {
  const cache = process.env['XDG_CACHE_HOME'];
  return join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'strata', 'device.json');
}

/** What decides which driver is used, as far as the environment says it. */
function circumstances(): string {
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES, CUDA_VISIBLE_DEVICES } = process.env;
  return JSON.stringify([process.platform, process.arch, VK_ICD_FILENAMES, VK_DRIVER_FILES, CUDA_VISIBLE_DEVICES]);
}

/** What `device: auto` takes on this machine: remembered for a day, else tried if `probe` is given; undefined if neither. */
export async function gatherDevice(probe: ProbeDevice | undefined): Promise<DeviceChosen | undefined> {
  const known = await readJsonIfThere<Remembered>(file()).catch(() => undefined);
  const under = circumstances();
  const fresh = known?.under === under && Date.now() - Date.parse(known.tried) < lasts;
  if (fresh && (known.device === 'cpu' || known.device === 'webgpu')) return { device: known.device, why: known.why };
  if (probe === undefined) return undefined;
  const chosen = await probe();
  await rememberDevice(chosen);
  return chosen;
}

/** What was found out just now counts from here on. A cache that cannot be written is no failure: it is tried again. */
export async function rememberDevice(chosen: DeviceChosen): Promise<void> {
  try {
    await privateFolder(dirname(file()));
    const entry: Remembered = { ...chosen, under: circumstances(), tried: new Date().toISOString() };
    await writeJsonAtomic(file(), entry);
  } catch {
    // Who asked has the answer.
  }
}
