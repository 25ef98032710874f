import { join } from 'node:path';
import { exists } from '../base/files.ts';
import { fail } from '../base/problem.ts';
import { readObject } from './read-object.ts';
import type { BasePrecision, StackLayer } from './types.ts';

export const overlayName = 'strata.json';
export const changedName = 'trained.safetensors';

/** `strata.json`: what an overlay folder is laid over. */
export interface OverlayRecord {
  strata: 1;
  base: { folder: string; hash: string };
  /** The resulting stack and where each layer comes from. */
  layers: StackLayer[];
  /** Resulting name → base name, for tensors that are the base's own. */
  map: Record<string, string>;
  /** Frozen matrices that the training, and what evaluates it, computed with at a lower precision. */
  base_precision?: BasePrecision;
}

export async function isOverlay(folder: string): Promise<boolean> {
  return exists(join(folder, overlayName));
}

/** The record of an overlay folder; `invalid-overlay` if it is not one that this version writes. */
export async function readOverlayRecord(folder: string): Promise<OverlayRecord> {
  const place = join(folder, overlayName);
  const record = (await readObject(place)) as Partial<OverlayRecord>;
  const { base, layers, map } = record;
  const valid =
    record.strata === 1 &&
    typeof base?.folder === 'string' &&
    typeof base.hash === 'string' &&
    Array.isArray(layers) &&
    layers.every((layer) => ['kept', 'new', 'merged'].includes(layer?.kind) && typeof layer.label === 'string') &&
    typeof map === 'object' &&
    map !== null &&
    Object.values(map).every((name) => typeof name === 'string') &&
    (record.base_precision === undefined || isBasePrecision(record.base_precision ?? {}));
  if (!valid)
    fail('invalid-overlay', `${place} is not a layer map that this version of Strata reads.`, {
      place,
      remedy: 'Use the version of Strata that wrote it, or make the run again.',
    });
  return record as OverlayRecord;
}

function isBasePrecision({ kind, names }: Partial<BasePrecision>): boolean {
  return (kind === 'bfloat16' || kind === 'int4') && Array.isArray(names) && names.every((n) => typeof n === 'string');
}
