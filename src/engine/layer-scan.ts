import type { Model } from '../model/types.ts';
import type { ForwardPasses } from './forward-passes.ts';
import { addScores, type ScoringPlan } from './scoring-plan.ts';
import type { ScoreResult } from './types.ts';

/** Bytes of hidden states that are kept at a time. */
const keptStates = 512 * 1024 ** 2;

/** Batches of a plan in groups whose hidden states fit into memory together. */
export function scanChunks(model: Model, { batches }: ScoringPlan): number[][] {
  const chunks: number[][] = [];
  let held = Number.POSITIVE_INFINITY;
  for (const [i, { shape }] of batches.entries()) {
    const bytes = 4 * shape.batch * shape.sequence * model.config.hiddenSize;
    if (held + bytes > keptStates) {
      chunks.push([]);
      held = 0;
    }
    chunks.at(-1)!.push(i);
    held += bytes;
  }
  return chunks;
}

/**
 * Batches on their way through a model, layer by layer: what any stack gives that begins as the model does is computed from
 * here on, without its beginning. Only the states before one layer are in memory. The same operations run on the same shapes
 * as in a whole pass, so the results are equal bit for bit.
 */
export class LayerScan {
  readonly #passes: ForwardPasses;
  readonly #plan: ScoringPlan;
  readonly #batches: readonly number[];
  /** float32 [batch·sequence, hidden] of each batch. */
  #states: Float32Array[];
  #layer = 0;

  private constructor(passes: ForwardPasses, plan: ScoringPlan, batches: readonly number[], states: Float32Array[]) {
    this.#passes = passes;
    this.#plan = plan;
    this.#batches = batches;
    this.#states = states;
  }

  /** The batches stand before layer 0. */
  static async open(passes: ForwardPasses, plan: ScoringPlan, batches: readonly number[]): Promise<LayerScan> {
    const states: Float32Array[] = [];
    for (const i of batches) {
      const { shape, tokens } = plan.batches[i]!;
      const { last } = await passes.run({ ...shape, stack: [], outputs: { last: true } }, tokens());
      states.push(last as Float32Array);
    }
    return new LayerScan(passes, plan, batches, states);
  }

  /** The states are the inputs of this layer; after the last one, those of the final norm. */
  get layer(): number {
    return this.#layer;
  }

  /** States of each batch, by its number in the plan. */
  *states(): Generator<[batch: number, states: Float32Array]> {
    for (const [k, batch] of this.#batches.entries()) yield [batch, this.#states[k]!];
  }

  /** Adds scores of the layers `stack` (and the head) after the states to the results of the plan's requests. */
  async score(stack: readonly number[], results: readonly ScoreResult[], onBatch: () => void): Promise<void> {
    for (const [batch, hidden] of this.states()) {
      const { shape, tokens, asked } = this.#plan.batches[batch]!;
      const { rows, targets, requests } = asked();
      const outputs = await this.#passes.run(
        { ...shape, rows: rows.length, stack, fromHidden: true, outputs: { scores: true, greedy: true } },
        { ...tokens(), hidden, rows, targets },
      );
      addScores(outputs, requests, results);
      onBatch();
    }
  }

  /**
   * Attention probabilities of the layer, float32 [batch, heads, sequence, sequence]: 0 where a token may not look. `positions`
   * of the batch's tokens beside them.
   */
  async attention(
    each: (batch: number, probabilities: Float32Array, positions: Int32Array) => void,
    onBatch: () => void,
  ): Promise<void> {
    for (const [batch, hidden] of this.states()) {
      const { shape, tokens } = this.#plan.batches[batch]!;
      const inputs = tokens();
      const outputs = await this.#passes.run(
        { ...shape, stack: [this.#layer], fromHidden: true, outputs: { attention: true } },
        { ...inputs, hidden },
      );
      each(batch, outputs['attention.0'] as Float32Array, inputs.positions);
      onBatch();
    }
  }

  /** Goes through the layer; `each` sees its inputs and outputs. */
  async advance(
    each: (batch: number, before: Float32Array, after: Float32Array) => void,
    onBatch: () => void,
  ): Promise<void> {
    const next: Float32Array[] = [];
    for (const [batch, hidden] of this.states()) {
      const { shape, tokens } = this.#plan.batches[batch]!;
      const { last } = await this.#passes.run(
        { ...shape, stack: [this.#layer], fromHidden: true, outputs: { last: true } },
        { ...tokens(), hidden },
      );
      each(batch, hidden, last as Float32Array);
      next.push(last as Float32Array);
      onBatch();
    }
    this.#states = next;
    this.#layer++;
  }
}
