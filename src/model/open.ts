import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exists } from '../base/files.ts';
import { fail } from '../base/problem.ts';
import { adapterConfigName, readAdapter } from './adapter.ts';
import { matchTensors } from './check-tensors.ts';
import { parseConfig } from './config.ts';
import { changedName, isOverlay, readOverlayRecord } from './overlay-read.ts';
import { readObject } from './read-object.ts';
import { readHeader } from './safetensors.ts';
import { readShards } from './shards.ts';
import type { BasePrecision, Model, StackLayer, TensorRef } from './types.ts';

/**
 * Opens a Hugging Face folder, an overlay folder or a run directory (its `model/`). Reads config and headers, no weights.
 * `base` names another place of an overlay's base, for a run that was made elsewhere.
 * Fails with a sentence for everything that a user can mend: missing or damaged files, another family, unsupported settings.
 */
export async function openModel(folder: string, options: { base?: string } = {}): Promise<Model> {
  const path = resolve(folder);
  const info = await stat(path).catch(() => undefined);
  if (!info)
    return fail('file-missing-model', `There is no folder ${path}.`, {
      place: path,
      remedy: 'Name the folder of a checkpoint or of a run.',
    });
  if (!info.isDirectory())
    return fail(
      'invalid-model-folder',
      `${path} is a file; a model is a folder with config.json and .safetensors files.`,
      {
        place: path,
        remedy: 'Name the folder that holds it.',
      },
    );
  if (await isOverlay(path)) return openOverlay(path, options.base);
  if (await exists(join(path, 'config.json'))) return openFolder(path);
  if (await isOverlay(join(path, 'model'))) return openOverlay(join(path, 'model'), options.base);
  return notAModel(path);
}

async function openFolder(folder: string): Promise<Model> {
  const place = join(folder, 'config.json');
  const config = parseConfig(await readObject(place), place);
  return {
    folder,
    kind: 'folder',
    config,
    tensors: matchTensors(config, await readShards(folder), folder),
    layers: keptLayers(config.layers),
    tokenizerFolder: await tokenizerIn(folder),
    changed: [],
  };
}

async function openOverlay(folder: string, otherBase: string | undefined): Promise<Model> {
  const record = await readOverlayRecord(folder);
  const place = join(folder, 'config.json');
  const config = parseConfig(await readObject(place), place);
  const base = await openBase(otherBase ?? record.base.folder, folder);
  const changedFile = join(folder, changedName);
  const changed = (await exists(changedFile)) ? (await readHeader(changedFile)).tensors : [];
  const stored = new Map<string, TensorRef>(changed.map((tensor) => [tensor.name, tensor]));
  for (const [name, baseName] of Object.entries(record.map)) {
    const ref = base.tensors.get(baseName);
    if (!ref || stored.has(name))
      fail(
        'invalid-overlay',
        `${folder}: ${name} is to come from ${baseName}, which ${ref ? 'is stored here, too' : 'the base does not have'}.`,
        {
          place: folder,
          remedy: 'The base was replaced, or the run is damaged: make the run again.',
        },
      );
    stored.set(name, { ...ref!, name });
  }
  const tensors = matchTensors(config, stored, folder);
  if (record.layers.length !== config.layers)
    fail(
      'invalid-overlay',
      `${folder}: the layer map has ${record.layers.length} layers, config.json ${config.layers}.`,
      {
        place: folder,
        remedy: 'The run is damaged: make it again.',
      },
    );
  return {
    folder,
    kind: 'run',
    config,
    tensors,
    ...((await exists(join(folder, adapterConfigName))) ? { adapter: await readAdapter(folder, tensors) } : {}),
    layers: record.layers,
    tokenizerFolder: (await tokenizerIn(folder)) ?? base.tokenizerFolder,
    changed: [...tensors.keys()].filter((name) => !Object.hasOwn(record.map, name)),
    ...(record.base_precision && { basePrecision: known(record.base_precision, tensors, folder) }),
    base: {
      folder: base.folder,
      hash: record.base.hash,
      config: base.config,
      map: new Map(Object.entries(record.map)),
    },
  };
}

/** The precision, if all of its matrices are there. */
function known(precision: BasePrecision, tensors: ReadonlyMap<string, TensorRef>, folder: string): BasePrecision {
  const stray = precision.names.find((name) => !tensors.has(name));
  if (stray === undefined) return precision;
  return fail('invalid-overlay', `${folder}: strata.json names ${stray}, which the model does not have.`, {
    place: folder,
    remedy: 'The run is damaged: make it again.',
  });
}

async function openBase(folder: string, overlay: string): Promise<Model> {
  if (await exists(join(folder, 'config.json'))) return openFolder(resolve(folder));
  return fail('file-missing-base', `The base of ${overlay} is not at ${folder}.`, {
    place: folder,
    remedy: 'A run keeps only what it changed: put the base model back there, or open the run where it was made.',
  });
}

async function tokenizerIn(folder: string): Promise<string | undefined> {
  return (await exists(join(folder, 'tokenizer.json'))) ? folder : undefined;
}

/** The stack of a model without surgery. */
export function keptLayers(layers: number): StackLayer[] {
  return Array.from({ length: layers }, (_, base) => ({ kind: 'kept', base, label: String(base) }));
}

async function notAModel(path: string): Promise<never> {
  if (await exists(join(path, 'spec.json')))
    return fail('run-without-model', `The run ${path} has not finished its training, so it has no model yet.`, {
      place: path,
      remedy: 'Wait for it, or resume it.',
    });
  if (await exists(join(path, adapterConfigName)))
    return fail('invalid-model-folder', `${path} is a LoRA adapter, not a model.`, {
      place: path,
      remedy: 'Name its base model, and the adapter as lora: {adapter: FOLDER} of an arm.',
    });
  return fail('file-missing-config', `${path} has no config.json.`, {
    place: path,
    remedy: 'Name the folder of a checkpoint (config.json and .safetensors files) or of a run.',
  });
}
