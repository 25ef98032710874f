import { join } from 'node:path';
import { exists, writeJsonAtomic } from '../base/files.ts';
import { hashTensor } from '../model/hash.ts';
import { openModel } from '../model/open.ts';
import { writeSurgery, writeTrained } from '../model/overlay.ts';
import { planSurgery } from '../model/surgery.ts';
import type { Model } from '../model/types.ts';
import { layout } from '../record/layout.ts';
import { type Context, stageProgress, stopHere } from './context.ts';
import { proveIdentity, surgerySeed } from './identity.ts';

/** sha256 of every tensor of the start, by name in the resulting model: `start.json`. */
export type StartTensors = Record<string, string>;

/** The model that the experiment names, a checkpoint or a finished run; held to the hash in the spec. */
export async function openBase(context: Context): Promise<Model> {
  const base = await openModel(context.request.sources.model);
  await context.guard.holdModel(base, context.spec.model);
  return base;
}

/**
 * Writes the model that training begins with, `start/`, with the proof that expansion changed nothing: the base after
 * surgery, or the finished model of the parent, its LoRA merged. `start.json` is written last and ends the stage.
 */
export async function surgeryStage(context: Context): Promise<void> {
  const { folder, spec, request } = context;
  const base = await openBase(context);
  const start = join(folder, layout.start);
  const progress = stageProgress(context, 'surgery');
  if (!(await exists(start))) {
    const { parent } = request.sources;
    if (spec.parent === undefined) {
      const plan = planSurgery(base.config, base.tensors, spec.surgery, surgerySeed(spec));
      await writeSurgery(start, base, spec.model, plan, { progress });
    } else {
      await writeTrained(start, await openModel(parent!), spec.model, {}, { progress });
    }
  }
  stopHere(context);
  await proveIdentity(context, base);
  const model = await openModel(start);
  const hashes: StartTensors = {};
  let done = 0;
  for (const [name, ref] of model.tensors) {
    hashes[name] = await hashTensor(ref);
    progress.report('hashing tensors', ++done, model.tensors.size);
  }
  await context.guard.check();
  await writeJsonAtomic(join(folder, layout.startTensors), hashes);
}
