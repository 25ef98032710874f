import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../base/files.ts';
import { hashCache } from '../base/hash-cache.ts';
import { dtypes } from './dtypes.ts';
import { int4Block, quantise, scalesShape } from './int4.ts';
import { isLinearWeight } from './names.ts';
import { readHeader } from './safetensors.ts';
import { converted, type Files, stored, type TensorSource } from './sources.ts';
import type { BasePrecision, LoweredPrecision, Model, TensorRef } from './types.ts';
import { writeSafetensors } from './writer.ts';

export type { LoweredPrecision } from './types.ts';

/** Bytes that one weight takes. */
export const loweredBytes: Record<LoweredPrecision, number> = { bfloat16: 2, int4: 0.5 + 4 / int4Block };

/** The model as a training of these tensors sees it: the matrices of the layers that it leaves frozen at this precision. */
export function withBasePrecision(model: Model, kind: 'float32' | LoweredPrecision, trained: readonly string[]): Model {
  if (kind === 'float32') return model;
  const touched = new Set(trained);
  const frozen = [...model.tensors.values()].filter((ref) => !touched.has(ref.name) && canBeLowered(ref));
  return { ...model, basePrecision: { kind, names: frozen.map(({ name }) => name) } };
}

const canBeLowered = ({ name, shape, dtype }: TensorRef) =>
  isLinearWeight(name) && dtypes[dtype].float && shape.length === 2 && shape[1]! % 2 === 0;

/**
 * The model as it is computed with: matrices of its `basePrecision` come from files in `folder` that hold all matrices of a
 * weights file at that precision. A file is named by the contents of what it was made from, and is made when it is not there,
 * with little memory. The same model if it has no such precision.
 */
export async function atBasePrecision(model: Model, folder: string): Promise<Model> {
  const { basePrecision } = model;
  if (!basePrecision) return model;
  const lower = lowering[basePrecision.kind];
  const refs = basePrecision.names.map((name) => model.tensors.get(name)!).filter(lower.changes);
  const tensors = new Map(model.tensors);
  const hashes = hashCache(join(folder, 'hashes.json'));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const file of new Set(refs.map((ref) => ref.file))) {
    const made = await loweredFile(file, basePrecision, folder, await hashes.hashFile(file));
    for (const ref of refs) {
      if (ref.file === file) tensors.set(ref.name, lower.find(ref, made));
    }
  }
  await hashes.save();
  const { basePrecision: _, ...rest } = model;
  return { ...rest, tensors };
}

/** Tensors of the lowered file, by the offset of what they were made from: the same tensor has another name in another model. */
type Made = ReadonlyMap<number, { of: TensorRef; tensors: ReadonlyMap<string, TensorRef> }>;

async function loweredFile(file: string, { kind }: BasePrecision, folder: string, hash: string): Promise<Made> {
  const target = join(folder, `${hash}.${kind}.safetensors`);
  const sources = (await readHeader(file)).tensors.filter((ref) => canBeLowered(ref) && lowering[kind].changes(ref));
  if (!(await exists(target))) await writeSafetensors(target, sources.flatMap(lowering[kind].sources), { mode: 0o600 });
  const tensors = new Map((await readHeader(target)).tensors.map((ref) => [ref.name, ref]));
  return new Map(sources.map((of) => [of.offset, { of, tensors }]));
}

const scaleOf = (name: string) => `${name}.scale`;

/** How each precision is written, and found again. */
const lowering: Record<
  LoweredPrecision,
  {
    changes(ref: TensorRef): boolean;
    sources(ref: TensorRef): TensorSource[];
    find(ref: TensorRef, made: Made): TensorRef;
  }
> = {
  bfloat16: {
    changes: ({ dtype }) => dtypes[dtype].bytes > dtypes.BF16.bytes,
    sources: (ref) => [converted(stored(ref), 'BF16')],
    find: (ref, made) => ({ ...part(ref, made, (name) => name), name: ref.name }),
  },
  int4: {
    changes: () => true,
    sources: quantised,
    find(ref, made) {
      const values = part(ref, made, (name) => name);
      return { ...values, name: ref.name, shape: ref.shape, scales: part(ref, made, scaleOf) };
    },
  },
};

function part(ref: TensorRef, made: Made, named: (name: string) => string): TensorRef {
  const at = made.get(ref.offset);
  const found = at?.tensors.get(named(at.of.name));
  if (!found) throw new Error(`${ref.name} is not in the file of lower precision`);
  return found;
}

/** Values that are read and rounded at a time. */
const chunk = 1 << 20;

/** The two tensors of a matrix in int4. Each is made whole when its first piece is asked for, from a few rows at a time. */
function quantised(ref: TensorRef): TensorSource[] {
  const [rows = 0, columns = 0] = ref.shape;
  const make = async (files: Files) => {
    const packed = new Uint8Array((rows * columns) / 2);
    const scales = new Float32Array(rows * scalesShape(ref.shape)[1]!);
    const { bytes, decode } = dtypes[ref.dtype];
    const step = Math.max(1, Math.floor(chunk / columns));
    for (let row = 0; row < rows; row += step) {
      const count = Math.min(step, rows - row) * columns;
      const source = files.scratch(0, count * bytes);
      await files.fill(ref.file, ref.offset + row * columns * bytes, source);
      const values = new Float32Array(count);
      decode(source, values);
      const some = quantise(values, columns);
      packed.set(some.packed, (row * columns) / 2);
      scales.set(some.scales, (row * scales.length) / rows);
    }
    return { packed, scales };
  };
  const source = (
    name: string,
    shape: number[],
    dtype: 'U8' | 'F32',
    bytesOf: (made: Awaited<ReturnType<typeof make>>) => Uint8Array,
  ): TensorSource => {
    let all: Uint8Array | undefined;
    return {
      name,
      shape,
      dtype,
      async fill(offset, target, files) {
        all ??= bytesOf(await make(files));
        target.set(all.subarray(offset, offset + target.length));
        if (offset + target.length === all.length) all = undefined;
      },
    };
  };
  return [
    source(ref.name, [rows, columns / 2], 'U8', ({ packed }) => packed),
    source(scaleOf(ref.name), scalesShape(ref.shape), 'F32', ({ scales }) => new Uint8Array(scales.buffer)),
  ];
}
