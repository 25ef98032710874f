import { noProgress, type Progress } from '../base/log.ts';
import { dtypes, elements } from './dtypes.ts';
import { roleOf } from './names.ts';
import { Files, merged, type TensorSource } from './sources.ts';
import type { Dtype, Model, StackLayer, TensorRef } from './types.ts';

/** One side of a tensor that only one model has, or that has another shape there. */
export interface TensorForm {
  /** In its model. */
  name: string;
  shape: number[];
  dtype: Dtype;
}

/** A tensor that is not the same in two models. */
export interface TensorDifference {
  /** Label of its layer (`5`, `3+`); absent for tensors outside the layers. */
  layer?: string;
  /** `self_attn.q_proj.weight`; outside the layers the whole name. */
  part: string;
  a?: TensorForm;
  b?: TensorForm;
  /** ‖b − a‖ and ‖a‖ (Frobenius, float64); absent where there is nothing to subtract. */
  difference?: number;
  norm?: number;
  parameters: number;
}

export interface ModelDifference {
  a: string;
  b: string;
  /** Layers by label, first to last, of both models; `only` where just one has it. */
  layers: { label: string; only?: 'a' | 'b' }[];
  /** Those that differ, in model order. */
  tensors: TensorDifference[];
  /** Tensors whose values are the same. */
  same: number;
}

/** Elements that are read at once from each model. */
const piece = 1 << 18;

/**
 * Which tensors differ between two models and by how much. Layers are matched by their labels in the base's numbering, so that
 * an inserted block moves nothing; LoRA is merged as it is read. Streams: memory stays small whatever the size.
 */
export async function compareModels(a: Model, b: Model, progress: Progress = noProgress): Promise<ModelDifference> {
  const [left, right] = [slots(a), slots(b)];
  const keys = [...new Map([...left, ...right]).keys()];
  const ordered = inOrder(keys, [...left.keys()], [...right.keys()]);
  const total = ordered.reduce((sum, key) => sum + (left.has(key) && right.has(key) ? left.get(key)!.ref.bytes : 0), 0);
  const tensors: TensorDifference[] = [];
  const files = new Files();
  let done = 0;
  let same = 0;
  try {
    for (const key of ordered) {
      const [x, y] = [left.get(key), right.get(key)];
      const found = await differ(x, y, { a, b, files });
      if (found) tensors.push(found);
      else same++;
      if (!x || !y) continue;
      done += x.ref.bytes;
      progress.report('comparing', done, total);
    }
  } finally {
    await files.dispose();
  }
  return { a: a.folder, b: b.folder, layers: layersOf(a.layers, b.layers), tensors, same };
}

interface Slot {
  layer?: string;
  part: string;
  ref: TensorRef;
}

/** Tensors by what they are in the base's numbering. */
function slots({ tensors, layers }: Model): Map<string, Slot> {
  const found = new Map<string, Slot>();
  for (const ref of tensors.values()) {
    const role = roleOf(ref.name);
    const layer = role?.kind === 'layer' ? layers[role.layer]?.label : undefined;
    const part = role?.kind === 'layer' ? `${role.module}.${role.part}` : ref.name;
    found.set(`${layer ?? ''} ${part}`, { ...(layer !== undefined && { layer }), part, ref });
  }
  return found;
}

/** All keys in an order in which both lists stand in theirs: what only the second has follows what it follows there. */
function inOrder(keys: readonly string[], first: readonly string[], second: readonly string[]): string[] {
  const inFirst = new Set(first);
  const after = new Map<string | undefined, string[]>();
  let last: string | undefined;
  for (const key of second) {
    if (inFirst.has(key)) last = key;
    else after.set(last, [...(after.get(last) ?? []), key]);
  }
  const order = [...(after.get(undefined) ?? []), ...first.flatMap((key) => [key, ...(after.get(key) ?? [])])];
  if (order.length !== keys.length) throw new Error(`${order.length} tensors in order, not ${keys.length}`);
  return order;
}

async function differ(
  x: Slot | undefined,
  y: Slot | undefined,
  { a, b, files }: { a: Model; b: Model; files: Files },
): Promise<TensorDifference | undefined> {
  const slot = (x ?? y)!;
  const form = ({ ref: { name, shape, dtype } }: Slot): TensorForm => ({ name, shape, dtype });
  const found: TensorDifference = {
    ...(slot.layer !== undefined && { layer: slot.layer }),
    part: slot.part,
    ...(x && { a: form(x) }),
    ...(y && { b: form(y) }),
    parameters: elements(slot.ref.shape),
  };
  if (!x || !y || String(x.ref.shape) !== String(y.ref.shape)) return found;
  const adapted = [a, b].map((model, i) => {
    const { name } = [x, y][i]!.ref;
    return model.adapter?.modules.some(({ weight }) => weight === name) === true;
  });
  const sameBytes = x.ref.file === y.ref.file && x.ref.offset === y.ref.offset && x.ref.dtype === y.ref.dtype;
  if (sameBytes && !adapted.includes(true)) return undefined;
  const sums = await subtract(merged(a, x.ref.name), merged(b, y.ref.name), files);
  if (sums.difference === 0 && x.ref.dtype === y.ref.dtype) return undefined;
  return { ...found, difference: Math.sqrt(sums.difference), norm: Math.sqrt(sums.norm) };
}

/** Σ (y − x)² and Σ x², in float64, piece by piece. */
async function subtract(x: TensorSource, y: TensorSource, files: Files): Promise<{ difference: number; norm: number }> {
  const count = elements(x.shape);
  const length = Math.min(piece, count);
  const values = [new Float64Array(length), new Float64Array(length)] as const;
  const sums = { difference: 0, norm: 0 };
  for (let start = 0; start < count; start += piece) {
    const size = Math.min(piece, count - start);
    for (const [i, source] of [x, y].entries()) {
      const row = dtypes[source.dtype];
      const bytes = new Uint8Array(size * row.bytes);
      await source.fill(start * row.bytes, bytes, files);
      row.decode(bytes, values[i as 0 | 1].subarray(0, size));
    }
    const [p, q] = values;
    for (let i = 0; i < size; i++) {
      const d = q[i]! - p[i]!;
      sums.difference += d * d;
      sums.norm += p[i]! * p[i]!;
    }
  }
  return sums;
}

/** Labels of both stacks in one order. */
function layersOf(a: readonly StackLayer[], b: readonly StackLayer[]): ModelDifference['layers'] {
  const [first, second] = [a.map(({ label }) => label), b.map(({ label }) => label)];
  const keys = [...new Set([...first, ...second])];
  return inOrder(keys, first, second).map((label) => {
    if (first.includes(label) && second.includes(label)) return { label };
    return { label, only: first.includes(label) ? 'a' : 'b' };
  });
}
