import type { Model } from '../model/types.ts';
import { bytesPerToken, type Shape } from './forward-passes.ts';
import { type PackedBatch, pack, powerOfTwo } from './packing.ts';
import { prepare, shareBeginnings } from './requests.ts';
import { joinBeginnings, offsetOf, tokenInputs } from './runs.ts';
import type { Values } from './session.ts';
import type { ScoreRequest, ScoreResult } from './types.ts';

/** Tokens in a batch are at most this many, and fewer where their activations would take more than this. */
const batchTokens = 2048;
const batchBytes = 256 * 1024 ** 2;
/** The fewest rows of the head, so that small batches share a session. */
const fewestRows = 64;

/** One pass of a plan. Its inputs are made when they are asked for: all together would be as large as the requests. */
export interface ScoringBatch {
  /** Whatever else a pass computes, these decide its session. */
  shape: Pick<Shape, 'batch' | 'sequence' | 'parents'>;
  /** Requests of which this batch has a part. */
  requests: readonly number[];
  /** `ids`, `segments`, `positions`, `parents`: int32 [batch·sequence]. */
  tokens(): Record<'ids' | 'segments' | 'positions' | 'parents', Int32Array>;
  /** What is scored: `rows` and `targets` of the pass, padded, and the request of each. */
  asked(): { rows: Int32Array; targets: Int32Array; requests: Int32Array };
}

/** Requests laid out as forward passes: packed by length, what they have in common at the beginning only once. */
export interface ScoringPlan {
  batches: ScoringBatch[];
  /** Where a request's input tokens lie: its batch, and the row of [batch·sequence] of each position. */
  place(request: number): { batch: number; row(position: number): number; length: number };
  /** Results without any score added. */
  blank(): ScoreResult[];
}

/** Fails with `invalid-request`, `invalid-token`, naming the request by its number from 1. */
export function planScoring(model: Model, requests: readonly ScoreRequest[]): ScoringPlan {
  const { config } = model;
  const prepared = requests.map((r, i) => prepare(r, config, `request ${i + 1}`));
  const { sequences, owner } = shareBeginnings(prepared.map((p) => p.input));
  const { runs, placed } = joinBeginnings(sequences, config.maxPositions);
  const ofRun = runs.map((): number[] => []);
  for (const [request, sequence] of owner.entries()) ofRun[placed[sequence]!.run]!.push(request);
  const packed = pack(
    runs.map((r) => r.ids.length),
    { longest: config.maxPositions, rows: (length) => rowsThatFit(model, length) },
  );
  const batchOfRun = new Int32Array(runs.length);
  /** First token of each run in [batch·sequence]. */
  const startOfRun = new Int32Array(runs.length);
  for (const [b, { places, length }] of packed.entries()) {
    for (const { sequence: run, row, offset } of places) {
      batchOfRun[run] = b;
      startOfRun[run] = row * length + offset;
    }
  }
  const rowOf = (request: number, position: number) => {
    const at = placed[owner[request]!]!;
    return startOfRun[at.run]! + offsetOf(at, position);
  };

  const batches = packed.map((batch: PackedBatch): ScoringBatch => {
    const own = batch.places.flatMap(({ sequence: run }) => ofRun[run]!);
    return {
      shape: { batch: batch.rows, sequence: batch.length, parents: true },
      requests: own,
      tokens: () => tokenInputs(batch, runs),
      asked() {
        const total = own.reduce((sum, request) => sum + prepared[request]!.scored.length, 0);
        const size = Math.max(fewestRows, powerOfTwo(total));
        const made = {
          rows: new Int32Array(size),
          targets: new Int32Array(size),
          requests: new Int32Array(total),
        };
        let i = 0;
        for (const request of own) {
          for (const { position, target } of prepared[request]!.scored) {
            made.rows[i] = rowOf(request, position);
            made.targets[i] = target;
            made.requests[i++] = request;
          }
        }
        return made;
      },
    };
  });
  return {
    batches,
    place: (request) => ({
      batch: batchOfRun[placed[owner[request]!]!.run]!,
      row: (position) => rowOf(request, position),
      length: prepared[request]!.input.length,
    }),
    blank: () =>
      prepared.map(({ truncated, scored }) => ({
        loglikelihood: 0,
        isGreedy: true,
        tokens: scored.length,
        truncated,
      })),
  };
}

/** Adds what a pass says of each scored token to the result of its request; `isGreedy` stays where no `greedy` was put out. */
export function addScores(
  outputs: Readonly<Record<string, Values>>,
  requests: Int32Array,
  results: readonly ScoreResult[],
): void {
  const logProbability = outputs['log_probability'] as Float32Array;
  const greedy = outputs['greedy'] as Uint8Array | undefined;
  for (const [i, request] of requests.entries()) {
    const result = results[request]!;
    result.loglikelihood += logProbability[i]!;
    if (greedy) result.isGreedy &&= greedy[i] === 1;
  }
}

function rowsThatFit(model: Model, length: number): number {
  const tokens = Math.min(batchTokens, batchBytes / bytesPerToken(model, length));
  return Math.max(1, tokens / length);
}
