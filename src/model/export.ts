import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { writeJsonAtomic } from '../base/files.ts';
import { noProgress, type Progress } from '../base/log.ts';
import { fail } from '../base/problem.ts';
import { refuseUnmerged } from './adapter.ts';
import { writeAdapter } from './adapter-write.ts';
import { copyCompanions } from './companions.ts';
import { withDtype } from './config.ts';
import { dtypes } from './dtypes.ts';
import { newFolder } from './new-folder.ts';
import { indexName, weightsName } from './shards.ts';
import { converted, fromRecipe, merged, type TensorSource } from './sources.ts';
import type { SurgeryPlan } from './surgery.ts';
import type { Dtype, Model, ModelConfig } from './types.ts';
import { byteLength, writeSafetensors } from './writer.ts';

/** Size of a shard: transformers' `max_shard_size` default until version 4, which every loader can read. */
const shardBytes = 5e9;

export interface ExportOptions {
  /** Dtype of every tensor; default: as stored. */
  dtype?: Dtype;
  progress?: Progress;
  signal?: AbortSignal;
  /** Bytes of a shard, 5 GB by default. */
  shardBytes?: number;
}

/**
 * Writes a complete Hugging Face folder: weights (in shards of 5 GB with an index when there are more), config, tokenizer
 * and generation settings. LoRA is merged. Conversion rounds each value once. The folder appears whole or not at all; an
 * existing one that is not empty is refused.
 */
export async function exportFolder(model: Model, out: string, options: ExportOptions = {}): Promise<void> {
  const sources = [...model.tensors.keys()].map((name) => merged(model, name, options.dtype));
  await writeCheckpoint(out, model.config, sources, companionFolders(model), options);
}

/** Writes the result of surgery on `model` as a complete Hugging Face folder. */
export async function surgeryFolder(
  model: Model,
  plan: SurgeryPlan,
  out: string,
  options: ExportOptions = {},
): Promise<void> {
  refuseUnmerged(model);
  const sources = plan.recipes.map((recipe) => {
    const source = fromRecipe(recipe);
    return options.dtype ? converted(source, options.dtype) : source;
  });
  await writeCheckpoint(out, plan.config, sources, companionFolders(model), options);
}

/** Writes the LoRA adapter of a run in PEFT's layout. Fails with `usage-no-adapter` for a model without one. */
export async function exportAdapter(model: Model, out: string): Promise<void> {
  const { adapter } = model;
  if (!adapter)
    return fail('usage-no-adapter', `${model.folder} has no LoRA adapter.`, {
      place: model.folder,
      remedy: 'Leave out --adapter to write the whole model.',
    });
  const bytes = adapter.modules.reduce((sum, { a, b }) => sum + a.bytes + b.bytes, 0);
  await newFolder(out, bytes, (folder) =>
    writeAdapter(folder, adapter, { folder: model.base?.folder ?? model.folder, layers: model.config.layers }),
  );
}

/** Where a model's tokenizer and other companions lie, nearest first. */
export function companionFolders(model: Model): string[] {
  return [...new Set([model.folder, model.tokenizerFolder, model.base?.folder].filter((f) => f !== undefined))];
}

async function writeCheckpoint(
  out: string,
  config: ModelConfig,
  sources: TensorSource[],
  companions: string[],
  { dtype, progress = noProgress, signal, shardBytes: limit = shardBytes }: ExportOptions,
): Promise<void> {
  const named = dtype ? withDtype(config, dtypes[dtype].torch) : config;
  const total = sources.reduce((sum, source) => sum + byteLength(source), 0);
  await newFolder(out, total, async (folder) => {
    const shards = split(sources, limit);
    let done = 0;
    const onBytes = (bytes: number) => {
      done += bytes;
      progress.report('weights', done, total);
    };
    for (const { file, tensors } of shards) await writeSafetensors(join(folder, file), tensors, { onBytes, signal });
    if (shards.length > 1) await writePublicJson(join(folder, indexName), indexOf(shards, total));
    await copyCompanions(companions, folder);
    await writePublicJson(join(folder, 'config.json'), named.raw);
  });
}

/** An export is for others, too: readable as far as the umask allows, unlike the files of a run. */
async function writePublicJson(path: string, value: unknown): Promise<void> {
  await writeJsonAtomic(path, value);
  await chmod(path, 0o666 & ~process.umask());
}

interface Shard {
  file: string;
  tensors: TensorSource[];
}

/** Shards filled in order up to `limit`; a tensor larger than that has one of its own. */
function split(sources: TensorSource[], limit: number): Shard[] {
  const groups: TensorSource[][] = [[]];
  let bytes = 0;
  for (const source of sources) {
    const size = byteLength(source);
    if (bytes > 0 && bytes + size > limit) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(source);
    bytes += size;
  }
  const of = String(groups.length).padStart(5, '0');
  return groups.map((tensors, i) => ({
    file: groups.length === 1 ? weightsName : `model-${String(i + 1).padStart(5, '0')}-of-${of}.safetensors`,
    tensors,
  }));
}

function indexOf(shards: Shard[], total: number) {
  const places = shards.flatMap(({ file, tensors }) => tensors.map(({ name }) => [name, file] as const));
  return { metadata: { total_size: total }, weight_map: Object.fromEntries(places) };
}
