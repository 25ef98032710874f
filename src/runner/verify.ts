import { join } from 'node:path';
import { noProgress, type Progress } from '../base/log.ts';
import { fail } from '../base/problem.ts';
import { hashModel, hashTensor } from '../model/hash.ts';
import { openModel } from '../model/open.ts';
import { homeOfRun, layout } from '../record/layout.ts';
import { readRecord } from '../record/snapshot.ts';
import type { Run, TensorProofs } from '../record/types.ts';
import { identityProof, type Proof, parentProof, surgerySeed } from './identity.ts';
import { brokenTensors, storedTensors } from './tensors.ts';

export interface Verification {
  /** The base is the one that the spec names. */
  base: Proof;
  /** Hashes of `tensors.json` repeated: those of the start, and those of the end re-read through the layer map. */
  hashes: Proof;
  /** No frozen tensor has changed between start and end. */
  frozen: Proof;
  identity: Proof;
}

const proof = (holds: boolean, yes: string, no: string): Proof => ({
  state: holds ? 'holds' : 'broken',
  detail: holds ? yes : no,
});

/**
 * Repeats the proofs of a finished run from what lies on disk now: nothing that the run recorded is taken on trust but the
 * hashes that it is checked against. Fails with `run-not-trained` if there is nothing to verify yet.
 */
export async function verifyRun(run: Run, threads: number, progress: Progress = noProgress): Promise<Verification> {
  const recorded = await readRecord<TensorProofs>(run.folder, layout.tensors);
  if (!recorded) {
    fail('run-not-trained', `${run.id} has no finished model to verify.`, {
      place: run.folder,
      remedy: 'Wait for it, or go on with it: strata resume.',
    });
  }
  const { spec, request } = run;
  const base = await openModel(request.sources.model);
  const start = await openModel(join(run.folder, layout.start));
  const end = storedTensors(await openModel(join(run.folder, layout.model)));

  const wrong: string[] = [];
  const now: TensorProofs = {};
  let done = 0;
  let unrepeated = 0;
  for (const [name, ref] of end) {
    const before = start.tensors.get(name);
    const known = recorded[name];
    // The first values of LoRA factors were drawn in memory and never stored; only their end can be read again.
    if (!before) unrepeated++;
    const hashes = {
      start: before ? await hashTensor(before) : (known?.start ?? ''),
      end: await hashTensor(ref),
    };
    now[name] = {
      shape: ref.shape,
      dtype: ref.dtype,
      role: spec.trained.includes(name) || !before ? 'trained' : 'frozen',
      ...hashes,
    };
    if (known?.start !== hashes.start || known.end !== hashes.end || known.role !== now[name].role) wrong.push(name);
    progress.report('hashing tensors', ++done, end.size);
  }
  for (const name of Object.keys(recorded)) if (!end.has(name)) wrong.push(name);
  // A frozen tensor must still be what it was when the run began, so its end now is held against the start recorded then.
  const broken = brokenTensors(
    Object.fromEntries(Object.entries(now).map(([name, p]) => [name, { ...p, start: recorded[name]?.start ?? '' }])),
  );
  const frozen = Object.values(now).filter(({ role }) => role === 'frozen').length;
  const held = (await hashModel(base)) === spec.model;
  const note = unrepeated > 0 ? ` (${unrepeated} LoRA factors at their end only)` : '';
  return {
    base: proof(held, 'The base is the one the run was planned with.', `The contents of ${base.folder} have changed.`),
    hashes: proof(
      wrong.length === 0,
      `Both hashes of ${end.size} tensors are as recorded${note}.`,
      `${wrong.length} of ${end.size} tensors are not as recorded, the first is ${wrong[0]}.`,
    ),
    frozen: proof(
      broken.length === 0,
      `${frozen} frozen tensors are what they were at the start.`,
      `${broken.length} of ${frozen} frozen tensors are not what they were at the start, the first is ${broken[0]}.`,
    ),
    identity: parentProof(spec) ?? (await repeatIdentity(run, threads, base)),
  };
}

function repeatIdentity({ spec, folder, id }: Run, threads: number, base: Awaited<ReturnType<typeof openModel>>) {
  return identityProof(base, spec.surgery, {
    scratch: join(homeOfRun(folder).unfinished, `verify.${id}.${process.pid}`),
    hash: spec.model,
    seed: surgerySeed(spec),
    threads,
    device: spec.device,
  });
}
