import { sha256 } from '../../../src/base/hash.ts';
import type { SampleRecord } from '../../../src/record/types.ts';
import type { ComparedRun, CompareInput } from '../../../src/report/types.ts';
import { makeRun, scoresOf } from './world.ts';

/** Small runs whose numbers can be worked out by hand. */

/** One document a character: `1` right, `0` wrong. */
export function answers(results: string, metric = 'acc'): SampleRecord[] {
  return [...results].map((result, doc) => ({
    doc_id: doc,
    prompt_hash: sha256(`prompt ${doc}`),
    target_hash: sha256(`target ${doc}`),
    [metric]: Number(result),
  }));
}

/** One document each: `[nats, bytes]`; five bytes a word. */
export function texts(documents: [nats: number, bytes: number][]): SampleRecord[] {
  return documents.map(([nats, bytes], doc) => ({
    doc_id: doc,
    prompt_hash: sha256(`text ${doc}`),
    loglikelihood: -nats,
    tokens: bytes,
    words: bytes / 5,
    bytes,
  }));
}

/** A run of the made-up world with other results. */
export function runWith(arm: string, seed: number | undefined, samples: Record<string, SampleRecord[]>): ComparedRun {
  const run = makeRun(arm, seed);
  return { ...run, samples, run: { ...run.run, scores: scoresOf(samples) } };
}

export function inputOf(runs: ComparedRun[], more: Partial<CompareInput> = {}): CompareInput {
  return {
    title: 'By hand',
    compare: { gain: { task: 'new' }, forgetting: [{ task: 'old' }] },
    arms: [...new Set(runs.map((r) => r.run.request.arm))],
    planned: [],
    pending: [],
    runs,
    stale: [],
    ...more,
  };
}
