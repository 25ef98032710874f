import { join } from 'node:path';
import { writeJsonAtomic } from '../base/files.ts';
import { noProgress, type Progress } from '../base/log.ts';
import { refuseUnmerged } from './adapter.ts';
import { type AdapterValues, writeAdapter } from './adapter-write.ts';
import { copyCompanions } from './companions.ts';
import { elements } from './dtypes.ts';
import { companionFolders } from './export.ts';
import { newFolder } from './new-folder.ts';
import { changedName, type OverlayRecord, overlayName } from './overlay-read.ts';
import { fromRecipe, merged, stored, type TensorSource, values } from './sources.ts';
import type { SurgeryPlan } from './surgery.ts';
import type { Adapter, BasePrecision, Model, ModelConfig } from './types.ts';
import { byteLength, writeSafetensors } from './writer.ts';

export interface OverlayOptions {
  progress?: Progress;
  signal?: AbortSignal;
}

/**
 * Writes the result of surgery as an overlay folder: what the base lacks, and a map to what it has. `baseHash` is
 * `hashModel(base)`. Where `base` is itself a run's model, the overlay lies over that run's own base, and what the run had
 * changed is copied: an overlay never depends on another. Fails with `usage-unmerged` for a model with LoRA factors. The
 * folder appears whole or not at all.
 */
export async function writeSurgery(
  out: string,
  base: Model,
  baseHash: string,
  plan: SurgeryPlan,
  options: OverlayOptions = {},
): Promise<void> {
  refuseUnmerged(base);
  const map: Record<string, string> = {};
  const own: TensorSource[] = [];
  for (const recipe of plan.recipes) {
    const baseName = recipe.kind === 'kept' ? nameInBase(base, recipe.from.name) : undefined;
    if (baseName === undefined) own.push(fromRecipe(recipe));
    else map[recipe.name] = baseName;
  }
  const record: OverlayRecord = {
    strata: 1,
    base: baseOf(base, baseHash),
    layers: plan.layers,
    map,
  };
  await writeOverlay(out, plan.config, record, own, companionFolders(base), undefined, options);
}

/** What training made of a model: new values (rounded once to the stored dtype) and perhaps an adapter beside them. */
export interface Trained {
  values?: ReadonlyMap<string, { shape: number[]; data: Float32Array }>;
  adapter?: AdapterValues | Adapter;
  /** What the frozen matrices were computed with, where it is not what they are stored in. */
  basePrecision?: BasePrecision;
}

/**
 * Writes a model whose tensors in `trained.values` are new as an overlay over `start`'s own base (or `start` itself, a plain
 * checkpoint with hash `baseHash`). An overlay never depends on another: what `start` had changed is copied, and an adapter of
 * `start` that `trained` does not replace is merged.
 */
export async function writeTrained(
  out: string,
  start: Model,
  baseHash: string,
  trained: Trained = {},
  options: OverlayOptions = {},
): Promise<void> {
  const map: Record<string, string> = {};
  const own: TensorSource[] = [];
  const adapted = new Set(trained.adapter ? [] : start.adapter?.modules.map(({ weight }) => weight));
  for (const [name, ref] of start.tensors) {
    const value = trained.values?.get(name);
    const baseName = nameInBase(start, name);
    if (value && value.data.length !== elements(ref.shape))
      throw new Error(`${name}: ${value.data.length} values for the shape [${ref.shape}]`);
    if (value) own.push(values(name, ref.shape, ref.dtype, value.data));
    else if (adapted.has(name)) own.push(merged(start, name));
    else if (baseName === undefined) own.push(stored(ref));
    else map[name] = baseName;
  }
  for (const name of trained.values?.keys() ?? [])
    if (!start.tensors.has(name)) throw new Error(`trained tensor ${name} is not in the model`);
  const record: OverlayRecord = {
    strata: 1,
    base: baseOf(start, baseHash),
    layers: start.layers,
    map,
    ...(trained.basePrecision && { base_precision: trained.basePrecision }),
  };
  await writeOverlay(out, start.config, record, own, companionFolders(start), trained.adapter, options);
}

/** The checkpoint that an overlay of `model` lies over: the model itself, or what it lies over already. */
function baseOf(model: Model, hash: string): OverlayRecord['base'] {
  return model.base ? { folder: model.base.folder, hash: model.base.hash } : { folder: model.folder, hash };
}

/** What that checkpoint calls a tensor of `model`; undefined if it does not have it. */
function nameInBase(model: Model, name: string): string | undefined {
  return model.base ? model.base.map.get(name) : name;
}

async function writeOverlay(
  out: string,
  config: ModelConfig,
  record: OverlayRecord,
  own: TensorSource[],
  companions: string[],
  adapter: AdapterValues | Adapter | undefined,
  { progress = noProgress, signal }: OverlayOptions,
): Promise<void> {
  const total = own.reduce((sum, source) => sum + byteLength(source), 0);
  await newFolder(out, total, async (folder) => {
    let done = 0;
    const onBytes = (bytes: number) => {
      done += bytes;
      progress.report('weights', done, total);
    };
    if (own.length > 0) await writeSafetensors(join(folder, changedName), own, { onBytes, signal, mode: 0o600 });
    if (adapter) await writeAdapter(folder, adapter, { folder: record.base.folder, layers: config.layers });
    await copyCompanions(companions, folder);
    await writeJsonAtomic(join(folder, 'config.json'), config.raw);
    await writeJsonAtomic(join(folder, overlayName), record);
  });
}
