import { mean } from '../statistics/moments.ts';
import { equivalenceTest } from '../statistics/paired.ts';
import type { Metric } from '../tasks/metrics.ts';
import type { Effects } from './effects.ts';
import type { Contrast, Equivalence } from './types.ts';
import { minimumDocuments, minimumSeeds } from './verdict.ts';

/** The largest forgetting that counts as none, unless told otherwise. */
export const defaultMargin = 0.02;

/** What a margin of 0.02 is: two points of a share, 0.02 bits per byte, or 2 % of a perplexity. */
function marginOf(unit: Metric['unit'], margin: number, againstValue: number): number {
  return unit === 'perplexity' ? margin * againstValue : margin;
}

/** Significance level of the test. */
const level = 0.05;

/**
 * Whether a contrast's effect is shown to lie within the margin (TOST): over documents, each averaged over seeds, and from
 * three seeds on over seeds too. Undefined where there is not enough data.
 */
export function equivalenceOf(
  contrast: Pick<Contrast, 'documents' | 'seeds' | 'againstValue'>,
  { cells, bySeed }: Effects,
  metric: Pick<Metric, 'unit'>,
  margin: number,
): Equivalence | undefined {
  const { documents, seeds, againstValue = 0 } = contrast;
  if (documents < minimumDocuments) return undefined;
  const size = marginOf(metric.unit, margin, againstValue);
  const averages = Float64Array.from(cells[0]!, (_, i) => mean(cells.map((row) => row[i]!)));
  const overDocuments = equivalenceTest(averages, size, leastDeviation(metric.unit, size, cells.length))!;
  const overSeeds = seeds.length >= minimumSeeds ? equivalenceTest(bySeed, size) : undefined;
  const p = Math.max(overDocuments.p, overSeeds?.p ?? 0);
  return {
    margin: size,
    p,
    holds: p < level,
    test: `TOST, paired t over ${documents} documents${overSeeds ? ` and over ${seeds.length} seeds` : ''}`,
  };
}

/** A mean over seeds of yes/no answers is a multiple of 1/seeds; with mean m its variance is at least m(1/seeds − m). */
function leastDeviation(unit: Metric['unit'], margin: number, seeds: number): number {
  return unit === 'share' ? Math.sqrt(Math.max(0, margin * (1 / seeds - margin))) : 0;
}
