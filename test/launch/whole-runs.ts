import assert from 'node:assert/strict';
import type { Program } from '../../src/launch/program.ts';
import { readSteps } from '../../src/record/read.ts';
import type { Run } from '../../src/record/types.ts';
import { experiment, hashFiles, placeRuns, planOf, work, writeWorld } from '../engine/runner-support.ts';
import { temporaryFolder } from '../support.ts';

/* Whole runs, with real training: what comes out elsewhere, whatever happened on the way, is what comes out here. */

const results = ['tensors.json', 'scores.json', 'samples', 'model', 'start'];

/** An experiment long enough that something can happen to it. */
export const long = experiment({
  evaluation: 'evaluation: { tasks: [recall] }',
  arms: '  s: { expand: { after: [0] }, train: [new] }',
}).replace('steps: 40', 'steps: 400');

/** The same experiment in a folder of its own, each run by a worker without any place. */
const references = new Map<string, Promise<Map<string, Record<string, string>>>>();
function reference(program: Program, text: string): Promise<Map<string, Record<string, string>>> {
  const known = references.get(text) ?? compute(program, text);
  references.set(text, known);
  return known;
}
async function compute(program: Program, text: string): Promise<Map<string, Record<string, string>>> {
  const folder = await temporaryFolder();
  await writeWorld(folder);
  const hashes = new Map<string, Record<string, string>>();
  for (const run of await placeRuns(await planOf(folder, 'tiny', text))) {
    assert.equal((await work(program, run.folder)).code, 0);
    hashes.set(run.id, await hashFiles(run.folder, results));
  }
  return hashes;
}

/** Overlays name the folder of their base: the one file that has a path in it. */
const comparable = (hashes: Record<string, string>) =>
  Object.fromEntries(Object.entries(hashes).filter(([name]) => !name.endsWith('strata.json')));

/** `text` is the file `tiny` of the world, and these are its runs. */
export async function sameAsReference(program: Program, text: string, runs: readonly Run[]): Promise<void> {
  const expected = await reference(program, text);
  for (const { id, folder, state, reason } of runs) {
    assert.equal(state, 'succeeded', `${id}: ${reason}`);
    assert.deepEqual(comparable(await hashFiles(folder, results)), comparable(expected.get(id)!));
  }
}

/** Every step of the training is counted, and none twice. */
export async function stepsOnce(run: Run): Promise<void> {
  assert.equal(run.state, 'succeeded', `${run.state}: ${run.reason}`);
  const steps = (await readSteps(run.folder)).map(({ step }) => step);
  assert.deepEqual(
    steps,
    steps.map((_, i) => i + 1),
  );
  assert.equal(steps.length, run.spec.training!.steps);
}
