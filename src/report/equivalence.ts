import { type Bootstrapped, equivalenceP } from '../statistics/bootstrap.ts';
import { mean } from '../statistics/moments.ts';
import { equivalenceTest } from '../statistics/paired.ts';
import type { Metric } from '../tasks/metrics.ts';
import type { Effects } from './effects.ts';
import type { Contrast, Equivalence } from './types.ts';
import { minimumDocuments, significanceLevel } from './verdict.ts';

/** The largest forgetting that counts as none, unless told otherwise. */
export const defaultMargin = 0.02;

/** What a margin of 0.02 is: two points of a share, 0.02 bits per byte, or 2 % of a perplexity. */
function marginOf(unit: Metric['unit'], margin: number, againstValue: number): number {
  return unit === 'perplexity' ? margin * againstValue : margin;
}

/**
 * Whether a contrast's effect is shown to lie within the margin (TOST): over documents or, from three seeds on, over documents
 * and seeds drawn anew together. Undefined where there is not enough data.
 */
export function equivalenceOf(
  contrast: Pick<Contrast, 'documents' | 'seeds' | 'againstValue'>,
  { cells }: Effects,
  joint: Bootstrapped | undefined,
  metric: Pick<Metric, 'unit'>,
  margin: number,
): Equivalence | undefined {
  const { documents, seeds, againstValue = 0 } = contrast;
  if (documents < minimumDocuments) return undefined;
  const size = marginOf(metric.unit, margin, againstValue);
  const averages = Float64Array.from(cells[0]!, (_, i) => mean(cells.map((row) => row[i]!)));
  const least = leastDeviation(metric.unit, size, cells.length);
  const p = joint
    ? Math.max(equivalenceP(joint.estimates(), size), leastP(averages, size, least))
    : equivalenceTest(averages, size, least)!.p;
  const test = joint
    ? `TOST, cluster bootstrap over ${documents} documents and ${seeds.length} seeds`
    : `TOST, paired t over ${documents} documents`;
  return { margin: size, p, holds: p < significanceLevel, test };
}

/** A mean over seeds of yes/no answers is a multiple of 1/seeds; with mean m its variance is at least m(1/seeds − m). */
function leastDeviation(unit: Metric['unit'], margin: number, seeds: number): number {
  return unit === 'share' ? Math.sqrt(Math.max(0, margin * (1 / seeds - margin))) : 0;
}

/** The p-value of the test if the documents had no more than the least spread. */
function leastP(averages: Float64Array, margin: number, least: number): number {
  return equivalenceTest(new Float64Array(averages.length).fill(mean(averages)), margin, least)!.p;
}
