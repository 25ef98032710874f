import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exists } from '../base/files.ts';
import { attempt, fail } from '../base/problem.ts';
import { cachedModel, hubCache, isHubId } from '../model/hub.ts';
import { openModel } from '../model/open.ts';
import type { Model } from '../model/types.ts';
import { resolveRun } from '../record/find.ts';
import { layout } from '../record/layout.ts';
import { isElsewhere } from '../record/place.ts';
import { readRun } from '../record/read.ts';
import type { Run } from '../record/types.ts';

/**
 * The folder that an argument MODEL means: a path, a run (its id or the unique beginning of one), or the id of a model in the
 * local Hugging Face cache; in this order. Fails with `unknown-model`.
 */
export async function modelFolder(argument: string, cwd: string): Promise<string> {
  const path = resolve(cwd, argument);
  if (argument !== '' && (await stat(path).catch(() => undefined))) {
    if (await exists(join(path, layout.mirror))) await needModelHere(await readRun(path));
    return path;
  }
  const run = await attempt(() => resolveRun(argument, cwd));
  if (run.ok) {
    await needModelHere(run.value);
    return run.value.folder;
  }
  if (run.problem.code === 'unknown-run-ambiguous') fail(run.problem.code, run.problem.message, run.problem);
  const cached = await cachedModel(argument);
  if (cached) return cached;
  const asId = isHubId(argument) ? `, and ${hubCache()} has no snapshot of it` : '';
  return fail('unknown-model', `${argument || 'The empty name'} is neither a folder nor a run${asId}.`, {
    remedy: 'Name a folder with config.json and .safetensors files; nothing is downloaded (hf download does that).',
  });
}

/** The weights of a run on another machine are here only once somebody wanted them. Fails with `model-elsewhere`. */
export async function needModelHere({ id, folder, place }: Run): Promise<void> {
  if (!isElsewhere(place) || (await exists(join(folder, layout.model)))) return;
  fail('model-elsewhere', `The model of ${id} is on ${place.host}, not here.`, {
    place: folder,
    remedy: `Bring it first: strata fetch ${id}.`,
  });
}

/** Opens what an argument MODEL means. */
export async function openModelArgument(argument: string, cwd: string): Promise<Model> {
  return openModel(await modelFolder(argument, cwd));
}
