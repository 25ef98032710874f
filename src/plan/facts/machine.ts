import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { privateFolder, readJsonIfThere, writeJsonAtomic } from '../../base/files.ts';
import { userCacheFolder } from '../../base/user-cache.ts';
import type { ModelConfig } from '../../model/types.ts';
import type { MachineFacts, Speed } from '../types.ts';

/** How fast a kind of processor trains layers of one shape. */
export interface Calibration {
  speed: Speed;
  /** ISO 8601. */
  measured: string;
}

/** Measures how fast layers of this shape are trained. Given by who may load the engine. */
export type MeasureSpeed = (shape: SpeedShape, threads: number) => Promise<Speed>;

/** What of a model decides how fast its layers are computed; capped where products are large enough for full speed. */
export interface SpeedShape {
  hiddenSize: number;
  intermediateSize: number;
  heads: number;
  kvHeads: number;
  headDim: number;
}

const widest = 1024;

export function speedShape({ hiddenSize, intermediateSize, heads, kvHeads, headDim }: ModelConfig): SpeedShape {
  const shrink = Math.max(1, Math.ceil(hiddenSize / widest));
  const groups = Math.max(1, Math.floor(kvHeads / shrink));
  return {
    hiddenSize: Math.round(hiddenSize / shrink),
    intermediateSize: Math.round(intermediateSize / shrink),
    heads: groups * Math.max(1, Math.floor(heads / kvHeads)),
    kvHeads: groups,
    headDim,
  };
}

/** Processor, threads and shape as a key of the file of calibrations. */
export function calibrationKey(shape: SpeedShape, threads: number): string {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = shape;
  const layer = `hidden ${hiddenSize}, inner ${intermediateSize}, heads ${heads}/${kvHeads} of ${headDim}`;
  return `${processor()}, ${threads} threads, cpu, ${layer}`;
}

export function processor(): string {
  return cpus()[0]?.model.trim().replace(/\s+/g, ' ') ?? 'unknown processor';
}

function calibrationFile(): string {
  return join(userCacheFolder(), 'calibration.json');
}

/** Everything measured on this user's machines, by key; {} if nothing was. */
export async function readCalibrations(): Promise<Record<string, Calibration>> {
  return (await readJsonIfThere<Record<string, Calibration>>(calibrationFile()).catch(() => undefined)) ?? {};
}

/** Remembers a measurement; a cache that cannot be written is no failure: it is measured again. */
async function remember(key: string, speed: Speed): Promise<void> {
  const file = calibrationFile();
  try {
    await privateFolder(dirname(file));
    const entry: Calibration = { speed, measured: new Date().toISOString() };
    await writeJsonAtomic(file, { ...(await readCalibrations()), [key]: entry });
  } catch {
    // The plan that asked has its number.
  }
}

/** Milliseconds that a measurement is taken as it is: one made in a busy hour should not stand for ever. */
const lasts = 7 * 24 * 3600 * 1000;

/**
 * Memory (what a container allows, if that is less), threads, and the training speed for a model of this config: remembered,
 * else measured if `measure` is given.
 */
export async function gatherMachine(
  config: ModelConfig | undefined,
  { threads = availableParallelism(), measure }: { threads?: number; measure?: MeasureSpeed } = {},
): Promise<MachineFacts> {
  const facts: MachineFacts = { memory: memory(), threads };
  if (config === undefined) return facts;
  const shape = speedShape(config);
  const key = calibrationKey(shape, threads);
  const entry = (await readCalibrations())[key];
  const known = isSpeed(entry?.speed) ? entry : undefined;
  // One from the future was made before the clock was set.
  const age = known === undefined ? Number.NaN : Date.now() - Date.parse(known.measured);
  const fresh = age >= 0 && age < lasts;
  if (fresh || measure === undefined) return { ...facts, speed: known?.speed };
  const speed = await measure(shape, threads);
  await remember(key, speed);
  return { ...facts, speed };
}

/** Whether it is what this version wrote: the file is anybody's, and an earlier version wrote one number. */
function isSpeed(value: unknown): value is Speed {
  if (typeof value !== 'object' || value === null || !('kinds' in value)) return false;
  const { kinds, ...others } = value as Speed;
  if (typeof kinds !== 'object' || kinds === null) return false;
  const numbers = [others.flopsPerSecond, others.node, others.optimizer, others.sum, ...Object.values(kinds)];
  return numbers.every((n) => typeof n === 'number' && Number.isFinite(n) && n >= 0) && others.flopsPerSecond > 0;
}

/** Memory that a process may use here, bytes. */
export function memory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
