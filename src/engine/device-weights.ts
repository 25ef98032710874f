import type { Device } from '../device/types.ts';
import type { TensorType } from '../graph/tensor.ts';
import type { Model } from '../model/types.ts';
import { DeviceBuffers, disposeAll } from './device-buffers.ts';
import type { DeviceTensor } from './device-session.ts';
import type { Overrides } from './types.ts';
import { readWeights } from './weights.ts';

/**
 * Weights of a model in buffers of a device, float32, once for all graphs. Each is brought there when a graph first needs it,
 * from its file or from the values that stand in for it. Owner calls `close` before the sessions that use them are needed no more.
 */
export class DeviceWeights {
  readonly #model: Model;
  readonly #buffers: DeviceBuffers;
  readonly #held = new Map<string, DeviceTensor>();
  #overrides: Overrides;

  constructor(model: Model, device: Device, threads: number, overrides: Overrides) {
    this.#model = model;
    this.#buffers = new DeviceBuffers(device, threads);
    this.#overrides = overrides;
  }

  /** Buffers of these inputs of a graph. */
  async feeds(inputs: readonly [name: string, type: TensorType][]): Promise<Record<string, DeviceTensor>> {
    const missing = inputs.flatMap(([name, { shape }]) => (this.#held.has(name) ? [] : [{ name, shape }]));
    const made = await this.#buffers.upload(
      missing,
      async (name) => this.#overrides.get(name)?.data ?? (await readWeights(this.#model, [name])).get(name)!,
    );
    for (const [name, buffer] of made) this.#held.set(name, buffer);
    return Object.fromEntries(inputs.map(([name]) => [name, this.#held.get(name)!]));
  }

  /** Other values for what was overridden. */
  update(overrides: Overrides): void {
    for (const name of overrides.keys()) {
      this.#held.get(name)?.dispose();
      this.#held.delete(name);
    }
    this.#overrides = overrides;
  }

  async close(): Promise<void> {
    disposeAll(this.#held.values());
    this.#held.clear();
    await this.#buffers.close();
  }
}
