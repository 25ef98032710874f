import { devices } from '../device/devices.ts';
import type { Device } from '../device/types.ts';
import { buildForward, type ForwardOptions } from '../graph/forward.ts';
import type { LoraMap } from '../graph/weights.ts';
import type { Model } from '../model/types.ts';
import { Session, type Values } from './session.ts';
import type { Overrides } from './types.ts';
import { loraMap, placeWeights } from './weights.ts';

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

interface Kept {
  session: Session;
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
  }

  /** Runs one pass; `feeds` has the inputs that are no weights (see `buildForward`). */
  async run(shape: Shape, feeds: Record<string, Values>): Promise<Record<string, Values>> {
    const { session } = await this.#session(shape);
    const all = { ...feeds };
    for (const [name, { data }] of this.#overrides) if (session.inputs.has(name)) all[name] = data;
    return session.run(all);
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
    const { threads, device = devices.cpu! } = this.#options;
    const places = placeWeights(this.model, (name) => this.#overrides.has(name));
    const graph = buildForward(this.model.config, places, { ...shape, lora: this.#lora, device });
    const made = { session: await Session.open(graph, { threads, device }), bytes };
    this.#kept.set(key, made);
    return made;
  }

  async #makeRoom(bytes: number): Promise<void> {
    let held = bytes + [...this.#kept.values()].reduce((sum, k) => sum + k.bytes, 0);
    for (const [key, kept] of this.#kept) {
      if (held <= keptBytes && this.#kept.size < keptSessions) return;
      this.#kept.delete(key);
      held -= kept.bytes;
      await kept.session.close();
    }
  }

  async dispose(): Promise<void> {
    for (const { session } of this.#kept.values()) await session.close();
    this.#kept.clear();
  }
}

/** Peak bytes of activations for one token in a forward pass: what one layer holds at a time, and attention over `keys`. */
export function bytesPerToken({ config }: Model, keys: number): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  return 4 * (4 * hiddenSize + 4 * intermediateSize + 2 * (heads + 2 * kvHeads) * headDim + 3 * heads * keys);
}
