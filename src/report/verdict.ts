import type { Interval } from '../statistics/student.ts';
import type { Contrast, Role, Verdict } from './types.ts';

/**
 * Fewer paired documents than this are no basis for a verdict: a percentile interval of a handful of documents excludes
 * zero far too easily (at n = 1 always), and six changed documents are the least from which an exact test can tell at 5 %.
 */
export const minimumDocuments = 10;

/** From this number of seeds on, a verdict holds for other seeds too; below it is one about these seeds. */
export const minimumSeeds = 3;

/** Chance that is accepted of finding a difference where there is none. */
export const significanceLevel = 0.05;

/** Rounding in sums of thousands of values; no metric is told apart below it. */
const rounding = 1e-12;

/** On which side of zero an interval lies; 0 where it holds zero. */
export function sign({ low, high }: Interval): -1 | 0 | 1 {
  return low > rounding ? 1 : high < -rounding ? -1 : 0;
}

/** Better or worse for the arm, given the sign of its effect: forgetting more is worse. */
export function verdictOf(effectSign: -1 | 0 | 1, role: Role): Verdict {
  if (effectSign === 0) return 'not distinguishable';
  return effectSign > 0 === (role !== 'forgetting') ? 'better' : 'worse';
}

/**
 * The verdict's interval must exclude zero: that over documents and seeds drawn anew together, below three seeds that over
 * documents. Asking both margins on their own instead finds too little where there is only chance and too much where
 * documents and seeds both matter (docs/statistics.md). Where the exact test holds, yes/no answers of one seed, it must agree.
 */
export function decide(
  contrast: Pick<Contrast, 'role' | 'documents' | 'interval' | 'mcnemar'>,
): Pick<Contrast, 'verdict' | 'reason'> {
  const { role, documents, interval, mcnemar } = contrast;
  if (!interval) return { verdict: 'not enough data', reason: 'There are no paired documents.' };
  if (documents < minimumDocuments) {
    return {
      verdict: 'not enough data',
      reason: `Only ${documents} documents are paired; a verdict needs ${minimumDocuments}.`,
    };
  }
  const shown = mcnemar === undefined || mcnemar.p < significanceLevel;
  return { verdict: verdictOf(shown ? sign(interval) : 0, role) };
}
