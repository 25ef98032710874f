import type { Device } from '../device/types.ts';
import { buildCopy, type Named } from '../graph/optimizer.ts';
import { count } from '../graph/tensor.ts';
import { DeviceSession, type DeviceTensor } from './device-session.ts';

/** Bytes of tensors that one graph copies or updates at a time: so much is there twice. */
const groupBytes = 256 * 1024 ** 2;

/** Neighbours in groups of at most so many bytes (a larger tensor is a group of its own). */
export function grouped<T extends Named>(tensors: readonly T[], most = groupBytes): T[][] {
  const groups: T[][] = [];
  let held = Number.POSITIVE_INFINITY;
  for (const tensor of tensors) {
    const bytes = 4 * count(tensor.shape);
    if (held + bytes > most) {
      groups.push([]);
      held = 0;
    }
    groups.at(-1)!.push(tensor);
    held += bytes;
  }
  return groups;
}

/**
 * The way to and from buffers of a device. Values go in and out through graphs that copy, the only way there is. A buffer
 * belongs to the session that made it, which must not be closed before it (the process would crash): the sessions that
 * brought buffers in stay open. Owner disposes of all buffers, then calls `close`.
 */
export class DeviceBuffers {
  readonly device: Device;
  readonly threads: number;
  /** By what they copy. */
  readonly #inward = new Map<string, DeviceSession>();

  constructor(device: Device, threads: number) {
    this.device = device;
    this.threads = threads;
  }

  /** Copies of these values on the device, float32; `valuesOf` is asked group by group. */
  async upload(
    tensors: readonly Named[],
    valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
  ): Promise<Map<string, DeviceTensor>> {
    const made = new Map<string, DeviceTensor>();
    try {
      for (const group of grouped(tensors)) {
        const feeds: Record<string, Float32Array> = {};
        for (const { name } of group) feeds[name] = await valuesOf(name);
        const { buffers } = await (await this.#inwardOf(group)).run(feeds);
        for (const { name } of group) made.set(name, buffers[`to.${name}`]!);
      }
      return made;
    } catch (error) {
      disposeAll(made.values());
      throw error;
    }
  }

  async #inwardOf(group: readonly Named[]): Promise<DeviceSession> {
    const key = JSON.stringify(group.map(({ name, shape }) => [name, shape]));
    const session = this.#inward.get(key) ?? (await this.#open(group, true));
    this.#inward.set(key, session);
    return session;
  }

  /** Values of buffers, float32. */
  async download(
    tensors: readonly Named[],
    buffers: ReadonlyMap<string, DeviceTensor>,
  ): Promise<Map<string, Float32Array>> {
    const read = new Map<string, Float32Array>();
    for (const group of grouped(tensors)) {
      const session = await this.#open(group, false);
      try {
        const { values } = await session.run(Object.fromEntries(group.map(({ name }) => [name, buffers.get(name)!])));
        for (const { name } of group) read.set(name, values[`to.${name}`] as Float32Array);
      } finally {
        await session.close();
      }
    }
    return read;
  }

  #open(group: readonly Named[], keep: boolean): Promise<DeviceSession> {
    const { device, threads } = this;
    return DeviceSession.open(buildCopy(device.forms, group), { device, threads, kept: () => keep });
  }

  async close(): Promise<void> {
    for (const session of this.#inward.values()) await session.close();
    this.#inward.clear();
  }
}

export function disposeAll(buffers: Iterable<DeviceTensor>): void {
  for (const buffer of buffers) buffer.dispose();
}
