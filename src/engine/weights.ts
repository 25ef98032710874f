import { parse, relative, resolve, sep } from 'node:path';
import { fail } from '../base/problem.ts';
import { type LoraMap, storedTypes, type WeightPlaces } from '../graph/weights.ts';
import { factorName } from '../model/adapter.ts';
import { readTensor } from '../model/safetensors.ts';
import type { Adapter, Model, TensorRef } from '../model/types.ts';

/**
 * The folder that external data is named relative to. onnxruntime takes no absolute path, no `..` and no link that leads out of
 * the folder, and the tensors of a model may lie in several folders, behind the links of a cache: all of them are below the root.
 */
export const externalRoot = parse(process.cwd()).root;

/** Tensors of a model by name, with the factors of its adapter under PEFT's names. */
export function weightRefs(model: Model): ReadonlyMap<string, TensorRef> {
  const refs = new Map(model.tensors);
  for (const { weight, a, b } of model.adapter?.modules ?? []) {
    refs.set(factorName(weight, 'a'), a);
    refs.set(factorName(weight, 'b'), b);
  }
  return refs;
}

/** What the graph needs to know of an adapter. */
export function loraMap(adapter: Adapter | undefined): LoraMap {
  return new Map(
    (adapter?.modules ?? []).map(({ weight, a }) => [weight, { rank: a.shape[0]!, scale: adapter!.scale }]),
  );
}

/**
 * Places of a model's weights: those that `isInput` names are fed at each run, the others are read from their files. Fails
 * with `weights-other-drive` where that cannot be (Windows: a file on another drive than the program was started on).
 */
export function placeWeights(model: Model, isInput: (name: string) => boolean): WeightPlaces {
  const refs = weightRefs(model);
  return (name) => {
    const ref = refs.get(name);
    if (!ref || isInput(name)) return { kind: 'input' };
    const lies = (at: TensorRef) => ({ location: location(at.file), offset: at.offset, length: at.bytes });
    if (ref.scales) return { kind: 'int4', external: lies(ref), scales: lies(ref.scales) };
    const dtype = storedTypes[ref.dtype];
    if (!dtype) throw new Error(`${name} is stored as ${ref.dtype}, which is no type of a weight`);
    return { kind: 'file', dtype, external: lies(ref) };
  };
}

function location(file: string): string {
  const path = resolve(file);
  if (parse(path).root !== externalRoot) {
    fail('weights-other-drive', `${file} is on another drive than the working folder.`, {
      place: file,
      remedy: `Start Strata from a folder on the drive ${parse(path).root}`,
    });
  }
  return relative(externalRoot, path).split(sep).join('/');
}

/** Stored values of these weights as float32. Throws for a name that the model does not have. */
export async function readWeights(
  model: Model,
  names: Iterable<string>,
): Promise<Map<string, Float32Array<ArrayBuffer>>> {
  const refs = weightRefs(model);
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const name of names) {
    const ref = refs.get(name);
    if (!ref) throw new Error(`the model has no tensor ${name}`);
    values.set(name, await readTensor(ref));
  }
  return values;
}
