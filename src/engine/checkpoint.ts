import { fail } from '../base/problem.ts';
import { count, sameShape } from '../graph/tensor.ts';
import { readHeader, readTensor } from '../model/safetensors.ts';
import { values } from '../model/sources.ts';
import { writeSafetensors } from '../model/writer.ts';
import type { Parameter, Slot } from './memory.ts';

const format = 'strata-trainer-1';
/** What a resumed run needs, bit for bit: float32 masters and both moments. */
const kept: readonly Slot[] = ['value', 'first', 'second'];

/** Writes masters, moments and the step count as a safetensors file, complete and on disk or not at all. */
export async function saveState(file: string, parameters: readonly Parameter[], step: number): Promise<void> {
  const sources = parameters.flatMap(({ name, shape, arrays }) =>
    kept.map((slot) => values(`${slot}:${name}`, [...shape], 'F32', arrays[slot])),
  );
  await writeSafetensors(file, sources, { metadata: { format, step: String(step) }, mode: 0o600 });
}

/**
 * Reads what `saveState` wrote into the parameters and returns the step count. Fails with `invalid-checkpoint`, before
 * anything is changed, if the file is of other parameters.
 */
export async function loadState(file: string, parameters: readonly Parameter[]): Promise<number> {
  const { tensors, metadata } = await readHeader(file);
  const step = Number(metadata['step']);
  const reject = (what: string) =>
    fail('invalid-checkpoint', `${file} is no checkpoint of this run: ${what}.`, {
      place: file,
      remedy: 'Remove it to train from the beginning.',
    });
  if (metadata['format'] !== format || !Number.isSafeInteger(step) || step < 0) reject('its format is another one');
  if (tensors.length !== parameters.length * kept.length) reject('it holds other tensors');
  const refs = new Map(tensors.map((t) => [t.name, t]));
  const found = parameters.flatMap((parameter) =>
    kept.map((slot) => {
      const ref = refs.get(`${slot}:${parameter.name}`) ?? reject(`${parameter.name} is missing`);
      if (ref.dtype !== 'F32' || !sameShape(ref.shape, parameter.shape)) reject(`${parameter.name} has another shape`);
      return { ref, target: parameter.arrays[slot] };
    }),
  );
  for (const { ref, target } of found) {
    if (target.length !== count(ref.shape)) throw new Error(`${ref.name}: ${target.length} elements in memory`);
    target.set(await readTensor(ref));
  }
  return step;
}
