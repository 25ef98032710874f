import { mean } from '../statistics/moments.ts';
import type { Group } from './groups.ts';
import { compositionOf } from './metrics.ts';
import { columnsOf } from './pairing.ts';
import type { ArmValue, ComparedArm, ComparedMetric, CompareInput } from './types.ts';

/** `doc_id`s by task of documents that share a run of 13 words with what is trained on. */
export type Overlapping = ReadonlyMap<string, ReadonlySet<number>>;

export function overlappingOf({ overlaps = [] }: Pick<CompareInput, 'overlaps'>): Overlapping {
  return new Map(overlaps.filter((o) => o.overlapping.length > 0).map((o) => [o.task, new Set(o.overlapping)]));
}

/** An arm's value on a metric without the overlapping documents: mean over seeds, from the records of each document. */
function cleanValue(
  { runs }: Group,
  { task, metric }: Pick<ComparedMetric, 'task' | 'metric'>,
  overlapping: ReadonlySet<number>,
): ArmValue['clean'] {
  const composition = compositionOf({ name: metric });
  const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
  const seeds = runs.flatMap(({ run, samples }) => {
    if (!run.scores?.[task]?.[metric]) return [];
    const all = (samples[task] ?? []).map((s) => s.doc_id);
    const documents = all.filter((doc) => !overlapping.has(doc));
    const columns = columnsOf(samples[task] ?? [], documents, composition);
    if (!columns || documents.length === 0 || documents.length === all.length) return [];
    return [
      { value: composition.of(sum(columns.numerators) / sum(columns.denominators)), documents: documents.length },
    ];
  });
  if (seeds.length === 0) return undefined;
  return { value: mean(seeds.map((s) => s.value)), documents: Math.min(...seeds.map((s) => s.documents)) };
}

/** The arms with each value also without the documents that overlap. */
export function withCleanValues(
  arms: readonly ComparedArm[],
  groups: readonly Group[],
  overlapping: Overlapping,
): ComparedArm[] {
  if (overlapping.size === 0) return [...arms];
  return arms.map((arm, i) => ({
    ...arm,
    values: arm.values.map((value) => {
      const documents = overlapping.get(value.task);
      const clean = documents && cleanValue(groups[i]!, value, documents);
      return clean ? { ...value, clean } : value;
    }),
  }));
}
