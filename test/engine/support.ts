import { readFile } from 'node:fs/promises';
import type { Rows } from '../../src/data/types.ts';
import { portableForms } from '../../src/device/devices.ts';
import type { Device } from '../../src/device/types.ts';
import { Session, type Values } from '../../src/engine/session.ts';
import { loraMap, placeWeights } from '../../src/engine/weights.ts';
import { buildForward, type ForwardOptions } from '../../src/graph/forward.ts';
import { readHeader, readTensor } from '../../src/model/safetensors.ts';
import type { Model } from '../../src/model/types.ts';

/** The CPU in forms that exist in float64, for central differences. */
export const portable: Device = {
  name: 'cpu',
  provider: 'cpu',
  forms: portableForms,
  state: 'wasm',
  precisions: [],
  basePrecisions: [],
};

/** All tensors of a safetensors file as float32. */
export async function readAll(file: string): Promise<Map<string, { shape: number[]; data: Float32Array }>> {
  const { tensors } = await readHeader(file);
  const entries = tensors.map(async (t) => [t.name, { shape: t.shape, data: await readTensor(t) }] as const);
  return new Map(await Promise.all(entries));
}

export async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8')) as T;
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} and ${b.length} values`);
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= worst)) worst = d;
  }
  return worst;
}

/** Token inputs where each row is one document. */
export function wholeRows(
  rows: readonly (readonly number[])[],
): Record<string, Values> & Pick<Rows, 'ids' | 'segments' | 'positions'> {
  const sequence = rows[0]!.length;
  return {
    ids: Int32Array.from(rows.flat()),
    segments: new Int32Array(rows.length * sequence),
    positions: Int32Array.from({ length: rows.length * sequence }, (_, i) => i % sequence),
  };
}

/** One forward pass of a model on rows that are one document each. */
export async function forward(
  model: Model,
  rows: readonly (readonly number[])[],
  outputs: ForwardOptions['outputs'],
  more: { feeds?: Record<string, Values>; options?: Partial<ForwardOptions>; threads?: number; prepack?: boolean } = {},
): Promise<Record<string, Values>> {
  const graph = buildForward(
    model.config,
    placeWeights(model, () => false),
    {
      batch: rows.length,
      sequence: rows[0]!.length,
      outputs,
      lora: loraMap(model.adapter),
      ...more.options,
    },
  );
  const session = await Session.open(graph, { threads: more.threads ?? 1, prepack: more.prepack });
  try {
    return await session.run({ ...wholeRows(rows), ...more.feeds });
  } finally {
    await session.close();
  }
}
