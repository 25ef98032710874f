import { availableParallelism, cpus, homedir, totalmem } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { privateFolder, readJsonIfThere, writeJsonAtomic } from '../../base/files.ts';
import type { ModelConfig } from '../../model/types.ts';
import type { MachineFacts } from '../types.ts';

/** How fast a kind of processor trains layers of one shape. */
export interface Calibration {
  /** FLOP/s of training steps, as `cost` counts them. */
  flopsPerSecond: number;
  /** ISO 8601. */
  measured: string;
}

/** Measures FLOP/s of training on layers of this shape. Given by who may load the engine. */
export type MeasureSpeed = (shape: SpeedShape, threads: number) => Promise<number>;

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
  const cache = process.env['XDG_CACHE_HOME'];
  return join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'strata', 'calibration.json');
}

/** Everything measured on this user's machines, by key; {} if nothing was. */
export async function readCalibrations(): Promise<Record<string, Calibration>> {
  return (await readJsonIfThere<Record<string, Calibration>>(calibrationFile()).catch(() => undefined)) ?? {};
}

/** Remembers a measurement; a cache that cannot be written is no failure: it is measured again. */
async function remember(key: string, flopsPerSecond: number): Promise<void> {
  const file = calibrationFile();
  try {
    await privateFolder(dirname(file));
    const entry: Calibration = { flopsPerSecond, measured: new Date().toISOString() };
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
  const known = (await readCalibrations())[key];
  // One from the future was made before the clock was set.
  const age = known === undefined ? Number.NaN : Date.now() - Date.parse(known.measured);
  const fresh = age >= 0 && age < lasts;
  if (fresh || measure === undefined) return { ...facts, flopsPerSecond: known?.flopsPerSecond };
  const flopsPerSecond = await measure(shape, threads);
  await remember(key, flopsPerSecond);
  return { ...facts, flopsPerSecond };
}

/** Memory that a process may use here, bytes. */
export function memory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
