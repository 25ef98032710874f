import { devices } from '../device/devices.ts';
import type { Device } from '../device/types.ts';
import { buildForward, type ForwardOptions } from '../graph/forward.ts';
import type { LoraMap } from '../graph/weights.ts';
import type { Model } from '../model/types.ts';
import { computedModel } from './computed.ts';
import { deviceMemoryShort } from './device-memory.ts';
import { DeviceMemoryError, DeviceSession } from './device-session.ts';
import { DeviceWeights } from './device-weights.ts';
import { Session, type Values } from './session.ts';
import type { Overrides } from './types.ts';
import { loraMap, placeWeights, weightRefs } from './weights.ts';

export interface ForwardPassesOptions {
  threads: number;
  device?: Device;
  /** Values that stand in for stored ones; they are fed at each run. */
  overrides?: Overrides;
  /** Adapters whose factors are all overrides; by default those of the model's own adapter. */
  lora?: LoraMap;
}

/** What distinguishes one pass of a model from another. */
export type Shape = Pick<
  ForwardOptions,
  'batch' | 'sequence' | 'positions' | 'past' | 'parents' | 'rows' | 'stack' | 'fromHidden' | 'outputs'
>;

/** Bytes of activations, by estimate, that the sessions kept may hold together, and their number. */
const keptBytes = 1024 ** 3;
const keptSessions = 32;

/** A graph that can be run, on whatever device; its weights are there. */
interface Pass {
  run(feeds: Readonly<Record<string, Values>>): Promise<Record<string, Values>>;
  close(): Promise<void>;
}
interface Kept {
  pass: Pass;
  bytes: number;
}

/**
 * Forward passes over one model in static shapes: a session is made for each when first needed, and the ones not used for
 * longest are closed when all together would hold too much memory. Weights are never repacked: repacked products differ in
 * their last bits, and an unchanged model must give equal bits however it is stored. Owner calls `dispose`.
 */
export class ForwardPasses {
  readonly model: Model;
  readonly #options: ForwardPassesOptions;
  readonly #lora: LoraMap;
  #overrides: Overrides;
  #computed: Promise<Model> | undefined;
  /** Of a device that keeps weights in buffers of its own. */
  #weights: DeviceWeights | undefined;
  /** In the order of last use. */
  readonly #kept = new Map<string, Kept>();

  constructor(model: Model, options: ForwardPassesOptions) {
    this.model = model;
    this.#options = options;
    this.#overrides = options.overrides ?? new Map();
    this.#lora = options.lora ?? loraMap(model.adapter);
  }

  /** Other values for the tensors that were overridden at creation; sessions are kept. Throws if one is missing. */
  update(overrides: Overrides): void {
    for (const name of this.#overrides.keys()) {
      if (!overrides.has(name)) throw new Error(`the update lacks ${name}, which was overridden at creation`);
    }
    this.#overrides = overrides;
    this.#weights?.update(overrides);
  }

  /** Runs one pass; `feeds` has the inputs that are no weights (see `buildForward`). */
  async run(shape: Shape, feeds: Record<string, Values>): Promise<Record<string, Values>> {
    try {
      const { pass } = await this.#session(shape);
      return await pass.run(feeds);
    } catch (error) {
      if (error instanceof DeviceMemoryError) deviceMemoryShort(this.model, error.reason);
      throw error;
    }
  }

  async #session(shape: Shape): Promise<Kept> {
    const key = JSON.stringify(shape);
    const known = this.#kept.get(key);
    if (known) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known;
    }
    const bytes = shape.batch * shape.sequence * bytesPerToken(this.model, shape.sequence + (shape.past ?? 0));
    await this.#makeRoom(bytes);
    const made = { pass: await this.#open(shape), bytes };
    this.#kept.set(key, made);
    return made;
  }

  async #open(shape: Shape): Promise<Pass> {
    const { threads, device = devices.cpu! } = this.#options;
    const options = { ...shape, lora: this.#lora, device };
    if (device.state === 'buffers') return this.#openOnDevice(options, device);
    this.#computed ??= computedModel(this.model);
    const places = placeWeights(await this.#computed, (name) => this.#overrides.has(name));
    const session = await Session.open(buildForward(this.model.config, places, options), { threads, device });
    return {
      run: (feeds) => {
        const all = { ...feeds };
        for (const [name, { data }] of this.#overrides) if (session.inputs.has(name)) all[name] = data;
        return session.run(all);
      },
      close: () => session.close(),
    };
  }

  async #openOnDevice(options: ForwardOptions, device: Device): Promise<Pass> {
    const { threads } = this.#options;
    this.#weights ??= new DeviceWeights(this.model, device, threads, this.#overrides);
    const weights = this.#weights;
    const graph = buildForward(this.model.config, () => ({ kind: 'input' }), options);
    const session = await DeviceSession.open(graph, { threads, device, kept: () => false });
    const stored = weightRefs(this.model);
    const ofModel = [...session.inputs].filter(([name]) => this.#overrides.has(name) || stored.has(name));
    return {
      run: async (feeds) => (await session.run({ ...feeds, ...(await weights.feeds(ofModel)) })).values,
      close: () => session.close(),
    };
  }

  async #makeRoom(bytes: number): Promise<void> {
    let held = bytes + [...this.#kept.values()].reduce((sum, k) => sum + k.bytes, 0);
    for (const [key, kept] of this.#kept) {
      if (held <= keptBytes && this.#kept.size < keptSessions) return;
      this.#kept.delete(key);
      held -= kept.bytes;
      await kept.pass.close();
    }
  }

  async dispose(): Promise<void> {
    await this.#weights?.close();
    this.#weights = undefined;
    for (const { pass } of this.#kept.values()) await pass.close();
    this.#kept.clear();
  }
}

/** Peak bytes of activations for one token in a forward pass: what one layer holds at a time, and attention over `keys`. */
export function bytesPerToken({ config }: Model, keys: number): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  return 4 * (4 * hiddenSize + 4 * intermediateSize + 2 * (heads + 2 * kvHeads) * headDim + 3 * heads * keys);
}
