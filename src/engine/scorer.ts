import type { Model } from '../model/types.ts';
import { ForwardPasses, type ForwardPassesOptions } from './forward-passes.ts';
import { outputsNotFinite } from './not-finite.ts';
import { rowLength } from './packing.ts';
import { checkIds } from './requests.ts';
import { plainRun, tokenInputs } from './runs.ts';
import { addScores, planScoring } from './scoring-plan.ts';
import type { OnProgress, ScoreRequest, Scorer } from './types.ts';

export interface ScorerOptions extends ForwardPassesOptions {
  /** Layers of the model in the order in which they run; all in order by default. */
  stack?: readonly number[];
}

/**
 * Scores continuations by forward passes. Requests are packed into rows by length, beginnings that requests have in common
 * are computed once, and only scored positions go through the head. Fails with `invalid-request`,
 * `invalid-token`, naming the request by its number from 1, with `model-not-finite` where the model's outputs are no numbers.
 */
export async function createScorer(model: Model, { stack, ...options }: ScorerOptions): Promise<Scorer> {
  const passes = new ForwardPasses(model, options);
  const { config } = model;
  const scored = async (greedy: boolean, requests: readonly ScoreRequest[], onProgress: OnProgress = () => {}) => {
    const plan = planScoring(model, requests);
    const results = plan.blank();
    let done = 0;
    onProgress(0, requests.length);
    for (const { shape, tokens, asked, requests: own } of plan.batches) {
      const { rows, targets, requests: owners } = asked();
      const outputs = await passes.run(
        { ...shape, rows: rows.length, stack, outputs: { scores: true, greedy } },
        { ...tokens(), rows, targets },
      );
      addScores(outputs, owners, results);
      done += own.length;
      onProgress(done, requests.length);
    }
    if (results.some(({ loglikelihood }) => Number.isNaN(loglikelihood))) outputsNotFinite(model.folder);
    return results;
  };
  return {
    model,
    update: (overrides) => passes.update(overrides),
    score: (requests, onProgress) => scored(true, requests, onProgress),
    async likelihoods(requests, onProgress) {
      const results = await scored(false, requests, onProgress);
      return results.map(({ isGreedy: _, ...result }) => result);
    },
    async logits(ids) {
      const length = ids[0]?.length ?? 0;
      const data = new Float32Array(ids.length * length * config.vocabSize);
      for (const [row, sequence] of ids.entries()) {
        if (sequence.length !== length)
          throw new RangeError(`row ${row} has ${sequence.length} tokens, the first ${length}`);
        checkIds(sequence, config.vocabSize, `row ${row + 1}`);
        const batch = {
          rows: 1,
          length: rowLength(length, config.maxPositions),
          places: [{ sequence: row, row: 0, offset: 0 }],
        };
        // The head runs over the whole row: one session for all lengths that share a row length.
        const shape = { batch: 1, sequence: batch.length, stack, outputs: { logits: true } };
        const { logits } = await passes.run(shape, tokenInputs(batch, ids.map(plainRun)));
        const wanted = (logits as Float32Array).subarray(0, length * config.vocabSize);
        data.set(wanted, row * length * config.vocabSize);
      }
      return { shape: [ids.length, length, config.vocabSize], data };
    },
    dispose: () => passes.dispose(),
  };
}
