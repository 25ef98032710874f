import { availableParallelism, cpus, homedir, totalmem } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { privateFolder, readJsonIfThere, writeJsonAtomic } from '../../base/files.ts';
import type { MachineFacts } from '../types.ts';

/** One measurement of how fast this kind of processor trains. */
interface Calibration {
  /** FLOP/s of training steps, as `cost` counts them. */
  flopsPerSecond: number;
  /** ISO 8601. */
  measured: string;
}

function calibrationFile(): string {
  const cache = process.env['XDG_CACHE_HOME'];
  return join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'strata', 'calibration.json');
}

/** What decides the speed: processor, threads and device. */
export function calibrationKey(threads: number, device = 'cpu'): string {
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'} · ${threads} threads · ${device}`;
}

/** Remembers a measured training speed for this kind of machine; a cache that cannot be written is no failure. */
export async function recordCalibration(flopsPerSecond: number, threads: number, device = 'cpu'): Promise<void> {
  const file = calibrationFile();
  try {
    await privateFolder(join(file, '..'));
    const known = (await readCalibrations(file)) ?? {};
    const entry: Calibration = { flopsPerSecond, measured: new Date().toISOString() };
    await writeJsonAtomic(file, { ...known, [calibrationKey(threads, device)]: entry });
  } catch {
    // Without it, plans give no time.
  }
}

function readCalibrations(file: string): Promise<Record<string, Calibration> | undefined> {
  return readJsonIfThere<Record<string, Calibration>>(file).catch(() => undefined);
}

/** What was measured for this kind of machine, or undefined. */
export async function readCalibration(threads: number, device = 'cpu'): Promise<Calibration | undefined> {
  return (await readCalibrations(calibrationFile()))?.[calibrationKey(threads, device)];
}

/** Memory (what a container allows, if that is less), threads and measured speed of this machine. */
export async function gatherMachine(threads = availableParallelism()): Promise<MachineFacts> {
  const limit = process.constrainedMemory();
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { memory, threads, flopsPerSecond: (await readCalibration(threads))?.flopsPerSecond };
}
