import { type FileHandle, open } from 'node:fs/promises';
import { random } from '../base/random.ts';
import { dtypes, encode } from './dtypes.ts';
import { mean } from './mean.ts';
import { fillFrom } from './safetensors.ts';
import type { Recipe } from './surgery.ts';
import type { AdapterModule, Dtype, Model, TensorRef } from './types.ts';

/** A tensor that is about to be written: its bytes are asked for in order, piece by piece, so that memory stays small. */
export interface TensorSource {
  name: string;
  shape: number[];
  dtype: Dtype;
  /** Writes bytes `[offset, offset + target.length)` of the tensor into `target`. Pieces are whole elements, in order. */
  fill(offset: number, target: Uint8Array, files: Files): Promise<void>;
}

/** Open source files, each once, and buffers for what is read from them. The owner disposes. */
export class Files {
  readonly #handles = new Map<string, Promise<FileHandle>>();
  readonly #buffers: Uint8Array[] = [];

  /** `length` bytes of the `k`th buffer, which the next caller gets too: pieces are made one after the other. */
  scratch(k: number, length: number): Uint8Array {
    let buffer = this.#buffers[k];
    if (!buffer || buffer.length < length) {
      buffer = new Uint8Array(length);
      this.#buffers[k] = buffer;
    }
    return buffer.subarray(0, length);
  }

  async fill(file: string, offset: number, target: Uint8Array): Promise<void> {
    let handle = this.#handles.get(file);
    if (!handle) {
      handle = open(file, 'r');
      this.#handles.set(file, handle);
    }
    await fillFrom(await handle, offset, target, file);
  }
  async dispose(): Promise<void> {
    for (const handle of this.#handles.values()) await (await handle.catch(() => undefined))?.close();
    this.#handles.clear();
    this.#buffers.length = 0;
  }
}

/** The stored tensor under this name, byte for byte. */
export function stored(ref: TensorRef, name = ref.name): TensorSource {
  return {
    name,
    shape: ref.shape,
    dtype: ref.dtype,
    fill: (offset, target, files) => files.fill(ref.file, ref.offset + offset, target),
  };
}

/** Values in memory, each rounded once to `dtype`. */
export function values(name: string, shape: number[], dtype: Dtype, data: Float32Array): TensorSource {
  const size = dtypes[dtype].bytes;
  return {
    name,
    shape,
    dtype,
    async fill(offset, target) {
      target.set(encode(dtype, data.subarray(offset / size, (offset + target.length) / size)));
    },
  };
}

/** `source` in another dtype, each value rounded once; the same source if it has that dtype. */
export function converted(source: TensorSource, dtype: Dtype): TensorSource {
  if (source.dtype === dtype) return source;
  const from = dtypes[source.dtype];
  const to = dtypes[dtype];
  return {
    ...source,
    dtype,
    async fill(offset, target, files) {
      const count = target.length / to.bytes;
      const bytes = new Uint8Array(count * from.bytes);
      await source.fill((offset / to.bytes) * from.bytes, bytes, files);
      const exact = source.dtype === 'F64' ? new Float64Array(count) : new Float32Array(count);
      from.decode(bytes, exact);
      to.encode!(exact, target);
    },
  };
}

/** The tensor that a recipe of `planSurgery` makes. */
export function fromRecipe(recipe: Recipe): TensorSource {
  const { name, shape, dtype } = recipe;
  switch (recipe.kind) {
    case 'kept':
    case 'copy':
      return stored(recipe.from, name);
    case 'average':
      return averaged(name, dtype, recipe.of);
    case 'zeros':
      return { name, shape, dtype, fill: async (_offset, target) => void target.fill(0) };
    case 'ones':
      return {
        name,
        shape,
        dtype,
        fill: async (_, target) =>
          target.set(encode(dtype, new Float32Array(target.length / dtypes[dtype].bytes).fill(1))),
      };
    case 'normal':
      return drawn(name, shape, dtype, recipe.deviation, recipe.seed);
  }
}

function averaged(name: string, dtype: Dtype, of: TensorRef[]): TensorSource {
  const size = dtypes[dtype].bytes;
  return {
    name,
    shape: of[0]!.shape,
    dtype,
    async fill(offset, target, files) {
      const count = target.length / size;
      const pieces = of.map((ref, k) => {
        const bytes = files.scratch(k, count * dtypes[ref.dtype].bytes);
        return { dtype: ref.dtype, bytes, at: ref.offset + (offset / size) * dtypes[ref.dtype].bytes, file: ref.file };
      });
      await Promise.all(pieces.map(({ file, at, bytes }) => files.fill(file, at, bytes)));
      mean(dtype, pieces, target);
    },
  };
}

function drawn(name: string, shape: number[], dtype: Dtype, deviation: number, seed: number): TensorSource {
  const generator = random(seed, 'surgery', name);
  const size = dtypes[dtype].bytes;
  let next = 0;
  return {
    name,
    shape,
    dtype,
    async fill(offset, target) {
      if (offset !== next) throw new Error(`${name}: random values are drawn in order (${offset}, not ${next})`);
      next += target.length;
      const draws = Float64Array.from({ length: target.length / size }, () => deviation * generator.normal());
      dtypes[dtype].encode!(draws, target);
    },
  };
}

/**
 * The tensor `name` of a model, LoRA merged: W + scale·B·A, the product summed in float64, the result rounded once to W's
 * dtype (or to `dtype`).
 */
export function merged(model: Model, name: string, dtype?: Dtype): TensorSource {
  const ref = model.tensors.get(name)!;
  const module = model.adapter?.modules.find(({ weight }) => weight === name);
  if (!module) return converted(stored(ref), dtype ?? ref.dtype);
  return withAdapter(ref, module, model.adapter!.scale, dtype ?? ref.dtype);
}

function withAdapter(ref: TensorRef, module: AdapterModule, scale: number, dtype: Dtype): TensorSource {
  const size = dtypes[dtype].bytes;
  const from = dtypes[ref.dtype];
  const columns = ref.shape[1]!;
  let factors: { a: Float32Array; b: Float32Array } | undefined;
  return {
    name: ref.name,
    shape: ref.shape,
    dtype,
    async fill(offset, target, files) {
      factors ??= { a: await factor(module.a, files), b: await factor(module.b, files) };
      const first = offset / size;
      const count = target.length / size;
      const bytes = new Uint8Array(count * from.bytes);
      await files.fill(ref.file, ref.offset + first * from.bytes, bytes);
      const result = new Float64Array(count);
      from.decode(bytes, result);
      addProduct(result, first, columns, factors.a, factors.b, scale);
      dtypes[dtype].encode!(result, target);
    },
  };
}

async function factor(ref: TensorRef, files: Files): Promise<Float32Array> {
  const bytes = new Uint8Array(ref.bytes);
  await files.fill(ref.file, ref.offset, bytes);
  const out = new Float32Array(ref.bytes / dtypes[ref.dtype].bytes);
  dtypes[ref.dtype].decode(bytes, out);
  return out;
}

/** Adds scale·B·A to elements `[first, first + result.length)` of a row-major matrix with this many columns. */
function addProduct(
  result: Float64Array,
  first: number,
  columns: number,
  a: Float32Array,
  b: Float32Array,
  scale: number,
): void {
  const rank = a.length / columns;
  const sum = new Float64Array(columns);
  for (let at = first; at < first + result.length; ) {
    const row = Math.floor(at / columns);
    const from = at - row * columns;
    const to = Math.min(columns, from + first + result.length - at);
    sum.fill(0);
    for (let k = 0; k < rank; k++) {
      const weight = b[row * rank + k]!;
      const base = k * columns;
      for (let c = from; c < to; c++) sum[c] = sum[c]! + weight * a[base + c]!;
    }
    for (let c = from; c < to; c++) {
      const i = at - first + c - from;
      result[i] = result[i]! + scale * sum[c]!;
    }
    at += to - from;
  }
}
