import type { SampleRecord } from '../record/types.ts';
import type { Composition } from './metrics.ts';

/** Documents that every run has with the same prompt and target. */
export interface Pairing {
  /** `doc_id`s in ascending order. */
  documents: number[];
  /** Documents that some run has and that are not in `documents`. */
  unpaired: number;
}

const identity = (s: SampleRecord): string => `${s.doc_id} ${s.prompt_hash} ${s.target_hash ?? ''}`;

/** Pairs documents over runs: same `doc_id`, `prompt_hash` and `target_hash` in each (design §7). */
export function pairDocuments(runs: readonly (readonly SampleRecord[])[]): Pairing {
  const seen = new Set<number>();
  const counts = new Map<string, { doc: number; runs: number }>();
  for (const samples of runs) {
    for (const sample of new Map(samples.map((s) => [s.doc_id, s])).values()) {
      seen.add(sample.doc_id);
      const key = identity(sample);
      const entry = counts.get(key) ?? { doc: sample.doc_id, runs: 0 };
      entry.runs++;
      counts.set(key, entry);
    }
  }
  const documents = [...counts.values()].filter((entry) => entry.runs === runs.length).map((entry) => entry.doc);
  documents.sort((a, b) => a - b);
  return { documents, unpaired: seen.size - documents.length };
}

/** Numerators and denominators of one run on the paired documents, `[documents]` each. */
export interface RunColumns {
  numerators: Float64Array;
  denominators: Float64Array;
}

/** Undefined if a paired document lacks the metric. */
export function columnsOf(
  samples: readonly SampleRecord[],
  documents: readonly number[],
  composition: Composition,
): RunColumns | undefined {
  const byDocument = new Map(samples.map((s) => [s.doc_id, s]));
  const numerators = new Float64Array(documents.length);
  const denominators = new Float64Array(documents.length);
  for (const [i, doc] of documents.entries()) {
    const sample = byDocument.get(doc)!;
    const numerator = composition.numerator(sample);
    const denominator = composition.denominator(sample);
    if (numerator === undefined || denominator === undefined) return undefined;
    numerators[i] = numerator;
    denominators[i] = denominator;
  }
  return { numerators, denominators };
}
