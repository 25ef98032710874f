import type { SampleRecord } from '../record/types.ts';
import type { Composition } from './metrics.ts';

/** Documents that every run has with the same prompt and target. */
export interface Pairing {
  /** `doc_id`s in ascending order. */
  documents: number[];
  /** Documents that some run has and that are not in `documents`. */
  unpaired: number;
}

type Samples = readonly SampleRecord[];

/** Records of a run by `doc_id`. Asked for once a contrast, so it is kept as long as the records are. */
const indexes = new WeakMap<Samples, ReadonlyMap<number, SampleRecord>>();

function indexOf(samples: Samples): ReadonlyMap<number, SampleRecord> {
  const known = indexes.get(samples);
  if (known) return known;
  const index = new Map(samples.map((s) => [s.doc_id, s]));
  indexes.set(samples, index);
  return index;
}

const same = (a: SampleRecord, b: SampleRecord | undefined): boolean =>
  b !== undefined && a.prompt_hash === b.prompt_hash && (a.target_hash ?? '') === (b.target_hash ?? '');

/** Pairs documents over runs: same `doc_id`, `prompt_hash` and `target_hash` in each (design §7). */
export function pairDocuments(runs: readonly Samples[]): Pairing {
  const [first, ...others] = runs.map(indexOf);
  if (!first) return { documents: [], unpaired: 0 };
  const documents: number[] = [];
  for (const [doc, sample] of first) if (others.every((index) => same(sample, index.get(doc)))) documents.push(doc);
  documents.sort((a, b) => a - b);
  const seen = new Set(first.keys());
  for (const index of others) {
    if (index.size !== first.size || documents.length !== first.size) for (const doc of index.keys()) seen.add(doc);
  }
  return { documents, unpaired: seen.size - documents.length };
}

/** Numerators and denominators of one run on the paired documents, `[documents]` each. */
export interface RunColumns {
  numerators: Float64Array;
  denominators: Float64Array;
}

/** Undefined if a paired document lacks the metric. */
export function columnsOf(
  samples: Samples,
  documents: readonly number[],
  composition: Composition,
): RunColumns | undefined {
  const byDocument = indexOf(samples);
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
