import type { Model } from '../model/types.ts';
import { bytesPerToken, ForwardPasses, type ForwardPassesOptions } from './forward-passes.ts';
import { type PackedBatch, pack, powerOfTwo, rowLength } from './packing.ts';
import { checkIds, prepare, shareBeginnings } from './requests.ts';
import { joinBeginnings, offsetOf, plainRun, type Run, tokenInputs } from './runs.ts';
import type { ScoreRequest, ScoreResult, Scorer } from './types.ts';

/** Tokens in a batch are at most this many, and fewer where their activations would take more than this. */
const batchTokens = 2048;
const batchBytes = 256 * 1024 ** 2;
/** The fewest rows of the head, so that small batches share a session. */
const fewestRows = 64;

/**
 * Scores continuations by forward passes. Requests are packed into rows by length, beginnings that requests have in common
 * are computed once, and only scored positions go through the head. Fails with `invalid-request`,
 * `invalid-token`, naming the request by its number from 1.
 */
export async function createScorer(model: Model, options: ForwardPassesOptions): Promise<Scorer> {
  const passes = new ForwardPasses(model, options);
  const { config } = model;

  async function score(
    requests: readonly ScoreRequest[],
    onProgress: (done: number, total: number) => void = () => {},
  ): Promise<ScoreResult[]> {
    const prepared = requests.map((r, i) => prepare(r, config, `request ${i + 1}`));
    const { sequences, owner } = shareBeginnings(prepared.map((p) => p.input));
    const { runs, placed } = joinBeginnings(sequences, config.maxPositions);
    const ofRun = runs.map((): number[] => []);
    for (const [request, sequence] of owner.entries()) ofRun[placed[sequence]!.run]!.push(request);
    const results = prepared.map(
      ({ truncated, scored }): ScoreResult => ({ loglikelihood: 0, isGreedy: true, tokens: scored.length, truncated }),
    );
    let done = 0;
    onProgress(0, requests.length);
    const batches = pack(
      runs.map((r) => r.ids.length),
      { longest: config.maxPositions, rows: (length) => rowsThatFit(model, length) },
    );
    for (const batch of batches) {
      const asked = batch.places.flatMap(({ sequence: run, row, offset }) =>
        ofRun[run]!.flatMap((request) =>
          prepared[request]!.scored.map(({ position, target }) => ({
            request,
            row: row * batch.length + offset + offsetOf(placed[owner[request]!]!, position),
            target,
          })),
        ),
      );
      await addScores(batch, runs, asked, results);
      done += batch.places.reduce((sum, { sequence: run }) => sum + ofRun[run]!.length, 0);
      onProgress(done, requests.length);
    }
    return results;
  }

  /** Runs a batch and adds the log-probability of each target at its row to the result of its request. */
  async function addScores(
    batch: PackedBatch,
    runs: readonly Run[],
    asked: readonly { request: number; row: number; target: number }[],
    results: ScoreResult[],
  ): Promise<void> {
    const count = Math.max(fewestRows, powerOfTwo(asked.length));
    const rows = new Int32Array(count);
    const targets = new Int32Array(count);
    for (const [i, { row, target }] of asked.entries()) {
      rows[i] = row;
      targets[i] = target;
    }
    const shape = { batch: batch.rows, sequence: batch.length, rows: count, parents: true, outputs: { scores: true } };
    const outputs = await passes.run(shape, { ...tokenInputs(batch, runs), rows, targets });
    const logProbability = outputs['log_probability'] as Float32Array;
    const greedy = outputs['greedy'] as Uint8Array;
    for (const [i, { request }] of asked.entries()) {
      const result = results[request]!;
      result.loglikelihood += logProbability[i]!;
      result.isGreedy &&= greedy[i] === 1;
    }
  }

  return {
    model,
    update: (overrides) => passes.update(overrides),
    score,
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
        const shape = { batch: 1, sequence: batch.length, outputs: { logits: true } };
        const { logits } = await passes.run(shape, tokenInputs(batch, ids.map(plainRun)));
        const wanted = (logits as Float32Array).subarray(0, length * config.vocabSize);
        data.set(wanted, row * length * config.vocabSize);
      }
      return { shape: [ids.length, length, config.vocabSize], data };
    },
    dispose: () => passes.dispose(),
  };
}

function rowsThatFit(model: Model, length: number): number {
  const tokens = Math.min(batchTokens, batchBytes / bytesPerToken(model, length));
  return Math.max(1, tokens / length);
}
