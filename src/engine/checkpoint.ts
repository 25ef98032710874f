import { fail } from '../base/problem.ts';
import { count, type Shape, sameShape } from '../graph/tensor.ts';
import { readHeader, readTensor } from '../model/safetensors.ts';
import { values } from '../model/sources.ts';
import { writeSafetensors } from '../model/writer.ts';

const format = 'strata-trainer-1';
/** What a resumed run needs, bit for bit: float32 masters and both moments. */
export const stateSlots = ['value', 'first', 'second'] as const;

/** State of one parameter on the host, wherever it is computed. */
interface Stored {
  name: string;
  shape: Shape;
  arrays: Readonly<Record<(typeof stateSlots)[number], Float32Array>>;
}

/**
 * Writes masters, moments and the step count as a safetensors file, complete and on disk or not at all; of a training in half
 * precision also the scale of its loss. The same file for every device.
 */
export async function saveState(
  file: string,
  parameters: readonly Stored[],
  step: number,
  lossScale?: { value: number; steady: number },
): Promise<void> {
  const sources = parameters.flatMap(({ name, shape, arrays }) =>
    stateSlots.map((slot) => values(`${slot}:${name}`, [...shape], 'F32', arrays[slot])),
  );
  const scale = lossScale && { loss_scale: String(lossScale.value), loss_scale_steady: String(lossScale.steady) };
  await writeSafetensors(file, sources, { metadata: { format, step: String(step), ...scale }, mode: 0o600 });
}

/** The scale of the loss in a file of `saveState`, if it has one. */
export async function readLossScale(file: string): Promise<{ value: number; steady: number } | undefined> {
  const { metadata } = await readHeader(file);
  const [value, steady] = [Number(metadata['loss_scale']), Number(metadata['loss_scale_steady'])];
  return value >= 1 && steady >= 0 ? { value, steady } : undefined;
}

/**
 * Reads what `saveState` wrote into the parameters and returns the step count. Fails with `invalid-checkpoint`, before
 * anything is changed, if the file is of other parameters.
 */
export async function loadState(file: string, parameters: readonly Stored[]): Promise<number> {
  const { tensors, metadata } = await readHeader(file);
  const step = Number(metadata['step']);
  const reject = (what: string) =>
    fail('invalid-checkpoint', `${file} is no checkpoint of this run: ${what}.`, {
      place: file,
      remedy: 'Remove it to train from the beginning.',
    });
  if (metadata['format'] !== format || !Number.isSafeInteger(step) || step < 0) reject('its format is another one');
  if (tensors.length !== parameters.length * stateSlots.length) reject('it holds other tensors');
  const refs = new Map(tensors.map((t) => [t.name, t]));
  const found = parameters.flatMap((parameter) =>
    stateSlots.map((slot) => {
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
