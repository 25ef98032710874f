import type { ModelConfig } from '../model/types.ts';
import type { Values } from './session.ts';

/** A slot of a cache that holds nothing belongs to no token's segment. */
const empty = -1;

/**
 * Keys and values of the tokens of several sequences, one slot each, as `buildForward` takes them. Passes read the cache in
 * place; only new tokens' keys and values are written into it.
 */
export class KeyValueCache {
  readonly slots: number;
  /** Tokens that a slot can hold; grows by doubling. */
  capacity: number;
  readonly #config: Pick<ModelConfig, 'kvHeads' | 'headDim'>;
  /** `past.key.i` and `past.value.i`: float32 [slots, kvHeads, capacity, headDim]. */
  #tensors: Map<string, Float32Array<ArrayBuffer>>;
  readonly #lengths: Int32Array;
  #segments: Int32Array;
  #positions: Int32Array;

  constructor(config: Pick<ModelConfig, 'layers' | 'kvHeads' | 'headDim'>, slots: number, capacity: number) {
    this.#config = config;
    this.slots = slots;
    this.capacity = capacity;
    this.#lengths = new Int32Array(slots);
    this.#segments = new Int32Array(slots * capacity).fill(empty);
    this.#positions = new Int32Array(slots * capacity);
    this.#tensors = new Map();
    for (let layer = 0; layer < config.layers; layer++) {
      for (const part of ['key', 'value']) this.#tensors.set(`${part}.${layer}`, this.#allocate(capacity));
    }
  }

  /** Bytes of one slot with this capacity. */
  static bytes({ layers, kvHeads, headDim }: ModelConfig, capacity: number): number {
    return 4 * 2 * layers * kvHeads * headDim * capacity;
  }

  /** Inputs of a pass; a token of slot s has the segment s. */
  get feeds(): Record<string, Values> {
    const feeds: Record<string, Values> = { 'past.segments': this.#segments, 'past.positions': this.#positions };
    for (const [name, data] of this.#tensors) feeds[`past.${name}`] = data;
    return feeds;
  }

  /** Tokens in a slot. */
  length(slot: number): number {
    return this.#lengths[slot]!;
  }

  clear(slot: number): void {
    this.#lengths[slot] = 0;
    this.#segments.fill(empty, slot * this.capacity, (slot + 1) * this.capacity);
  }

  /**
   * Appends tokens to a slot: `count` of them from `offset` of row `row` of a pass's outputs `key.i`, `value.i`
   * [rows, kvHeads, sequence, headDim].
   */
  append(
    slot: number,
    outputs: Record<string, Values>,
    row: number,
    sequence: number,
    offset: number,
    count: number,
  ): void {
    const { kvHeads, headDim } = this.#config;
    const start = this.#lengths[slot]!;
    while (start + count > this.capacity) this.#grow();
    for (const [name, data] of this.#tensors) {
      const from = outputs[name] as Float32Array;
      for (let head = 0; head < kvHeads; head++) {
        const source = ((row * kvHeads + head) * sequence + offset) * headDim;
        const target = ((slot * kvHeads + head) * this.capacity + start) * headDim;
        data.set(from.subarray(source, source + count * headDim), target);
      }
    }
    for (let i = start; i < start + count; i++) {
      this.#segments[slot * this.capacity + i] = slot;
      this.#positions[slot * this.capacity + i] = i;
    }
    this.#lengths[slot] = start + count;
  }

  #allocate(capacity: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.slots * this.#config.kvHeads * capacity * this.#config.headDim);
  }

  #grow(): void {
    const { headDim, kvHeads } = this.#config;
    const [before, after] = [this.capacity, 2 * this.capacity];
    for (const [name, old] of this.#tensors) {
      this.#tensors.set(name, spread(old, this.#allocate(after), this.slots * kvHeads, before * headDim));
    }
    this.#segments = spread(this.#segments, new Int32Array(this.slots * after).fill(empty), this.slots, before);
    this.#positions = spread(this.#positions, new Int32Array(this.slots * after), this.slots, before);
    this.capacity = after;
  }
}

/** Copies `rows` rows of `width` elements to the beginnings of the rows of a larger array. */
function spread<T extends Float32Array | Int32Array>(from: T, to: T, rows: number, width: number): T {
  const stride = to.length / rows;
  for (let row = 0; row < rows; row++) to.set(from.subarray(row * width, (row + 1) * width), row * stride);
  return to;
}
