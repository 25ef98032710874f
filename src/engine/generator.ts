import { fail } from '../base/problem.ts';
import { type Random, random } from '../base/random.ts';
import type { Model, ModelConfig } from '../model/types.ts';
import { bytesPerToken, ForwardPasses, type ForwardPassesOptions } from './forward-passes.ts';
import { KeyValueCache } from './key-value-cache.ts';
import { outputsNotFinite } from './not-finite.ts';
import { pack, powerOfTwo, rowLength } from './packing.ts';
import { checkIds } from './requests.ts';
import { plainRun, tokenInputs } from './runs.ts';
import { chooseToken, type Sampling } from './sampling.ts';
import type { Values } from './session.ts';
import type { GenerateOptions, Generator } from './types.ts';

/** Sequences that are continued together, fewer where their caches would take more memory. */
const mostSlots = 64;
const cacheBytes = 512 * 1024 ** 2;
/** Tokens of prompts in one pass. */
const promptTokens = 2048;

export interface GeneratorOptions extends ForwardPassesOptions {
  /** Layers of the model in the order in which they run; all in order by default. */
  stack?: readonly number[];
}

/** One prompt on its way. */
interface Task {
  index: number;
  /** Cut off at the left so that `maxTokens` more fit the model's positions. */
  prompt: readonly number[];
  newIds: number[];
  random: Random;
}

/**
 * Continues prompts with a key-value cache: prompts are read in packed passes, then all slots advance by one token a pass; a
 * slot whose prompt has ended takes the next one. Which prompts stand side by side changes no result beyond rounding.
 * Fails with `invalid-max-tokens`, `invalid-request`, `invalid-token`.
 */
export async function createGenerator(model: Model, { stack, ...options }: GeneratorOptions): Promise<Generator> {
  const passes = new ForwardPasses(model, options);
  return {
    update: (overrides) => passes.update(overrides),
    async generate(prompts, how, onProgress = () => {}) {
      const tasks = prompts.map((prompt, index) => newTask(prompt, index, how, model.config));
      return tasks.length === 0 ? [] : new Batch(passes, stack, tasks, how, onProgress).run();
    },
    dispose: () => passes.dispose(),
  };
}

function newTask(
  prompt: readonly number[],
  index: number,
  { maxTokens, seed = 0 }: GenerateOptions,
  config: ModelConfig,
): Task {
  const room = config.maxPositions - maxTokens;
  if (room < 1) {
    fail(
      'invalid-max-tokens',
      `${maxTokens} new tokens leave no place for a prompt in ${config.maxPositions} positions.`,
      {
        remedy: `Ask for at most ${config.maxPositions - 1} tokens.`,
      },
    );
  }
  if (prompt.length === 0) fail('invalid-request', 'A prompt has no tokens.', { place: `prompt ${index + 1}` });
  checkIds(prompt, config.vocabSize, `prompt ${index + 1}`);
  return { index, prompt: prompt.slice(-room), newIds: [], random: random('generate', seed, index) };
}

/** The work of one call. */
class Batch {
  readonly #passes: ForwardPasses;
  readonly #stack: readonly number[] | undefined;
  readonly #options: GenerateOptions;
  readonly #sampling: Sampling;
  readonly #onProgress: (done: number, total: number) => void;
  readonly #results: number[][];
  readonly #pending: Task[];
  readonly #cache: KeyValueCache;
  /** The task in each slot. */
  readonly #active: (Task | undefined)[];
  #done = 0;

  constructor(
    passes: ForwardPasses,
    stack: readonly number[] | undefined,
    tasks: readonly Task[],
    options: GenerateOptions,
    onProgress: (done: number, total: number) => void,
  ) {
    this.#passes = passes;
    this.#stack = stack;
    this.#options = options;
    this.#sampling = { temperature: options.temperature ?? 0, topP: options.topP ?? 1 };
    this.#onProgress = onProgress;
    this.#results = tasks.map((t) => t.newIds);
    // Long prompts first: the cache has its size from the beginning.
    this.#pending = [...tasks].sort((a, b) => a.prompt.length - b.prompt.length || b.index - a.index);
    const longest = this.#pending.at(-1)!.prompt.length;
    const config = { ...passes.model.config, layers: stack?.length ?? passes.model.config.layers };
    const most = Math.max(1, Math.floor(cacheBytes / KeyValueCache.bytes(config, longest + options.maxTokens)));
    const slots = 2 ** Math.floor(Math.log2(Math.min(mostSlots, most, powerOfTwo(tasks.length))));
    this.#cache = new KeyValueCache(config, slots, rowLength(longest, Number.POSITIVE_INFINITY));
    this.#active = new Array<Task | undefined>(slots).fill(undefined);
  }

  async run(): Promise<number[][]> {
    this.#onProgress(0, this.#results.length);
    if (this.#options.maxTokens === 0) return this.#results;
    for (;;) {
      const free = this.#active.flatMap((task, slot) => (task ? [] : [slot]));
      // Prompts are read for several slots at once, not one by one as they become free.
      if (this.#pending.length > 0 && free.length * 2 >= this.#active.length) await this.#start(free);
      else if (free.length < this.#active.length) await this.#step();
      else return this.#results;
    }
  }

  /** Reads prompts into free slots and chooses the first token of each. */
  async #start(free: readonly number[]): Promise<void> {
    const tasks = this.#pending.splice(-free.length).reverse();
    const { model } = this.#passes;
    const prompts = tasks.map((t) => t.prompt);
    const runs = prompts.map(plainRun);
    const batches = pack(
      prompts.map((p) => p.length),
      {
        longest: model.config.maxPositions,
        rows: (length) => Math.max(1, Math.min(promptTokens, cacheBytes / bytesPerToken(model, length)) / length),
      },
    );
    for (const batch of batches) {
      const last = batch.places.map((p) => p.row * batch.length + p.offset + prompts[p.sequence]!.length - 1);
      const rows = new Int32Array(powerOfTwo(last.length));
      rows.set(last);
      const outputs = await this.#passes.run(
        {
          batch: batch.rows,
          sequence: batch.length,
          rows: rows.length,
          stack: this.#stack,
          outputs: { logits: true, keyValues: true },
        },
        { ...tokenInputs(batch, runs), rows },
      );
      for (const [i, { sequence, row, offset }] of batch.places.entries()) {
        const slot = free[sequence]!;
        this.#cache.clear(slot);
        this.#cache.append(slot, outputs, row, batch.length, offset, prompts[sequence]!.length);
        this.#active[slot] = tasks[sequence];
        this.#advance(slot, outputs, i);
      }
    }
  }

  /** One token more in every slot that is taken. */
  async #step(): Promise<void> {
    const { slots, capacity, feeds } = this.#cache;
    const inputs = {
      ids: new Int32Array(slots),
      segments: Int32Array.from({ length: slots }, (_, slot) => slot),
      positions: new Int32Array(slots),
    };
    for (const [slot, task] of this.#active.entries()) {
      if (!task) continue;
      inputs.ids[slot] = task.newIds.at(-1)!;
      inputs.positions[slot] = this.#cache.length(slot);
    }
    const outputs = await this.#passes.run(
      {
        batch: slots,
        sequence: 1,
        past: capacity,
        positions: capacity + 1,
        stack: this.#stack,
        outputs: { logits: true, keyValues: true },
      },
      { ...feeds, ...inputs },
    );
    for (const [slot, task] of this.#active.entries()) {
      if (!task) continue;
      this.#cache.append(slot, outputs, slot, 1, 0, 1);
      this.#advance(slot, outputs, slot);
    }
  }

  /** Chooses the next token of a slot from row `row` of the logits, and frees the slot if it was the last. */
  #advance(slot: number, outputs: Record<string, Values>, row: number): void {
    const task = this.#active[slot]!;
    const { vocabSize } = this.#passes.model.config;
    const logits = (outputs['logits'] as Float32Array).subarray(row * vocabSize, (row + 1) * vocabSize);
    const token = chooseToken(logits, this.#sampling, task.random);
    if (Number.isNaN(logits[token])) outputsNotFinite(this.#passes.model.folder);
    const { endIds, maxTokens, stop } = this.#options;
    const ended = endIds.includes(token);
    if (!ended) task.newIds.push(token);
    if (!ended && task.newIds.length < maxTokens && !stop?.(task.newIds)) return;
    this.#active[slot] = undefined;
    this.#done++;
    this.#onProgress(this.#done, this.#results.length);
  }
}
