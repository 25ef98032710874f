import type { Interval } from '../statistics/student.ts';
import type { Contrast, Role, Verdict } from './types.ts';

/**
 * Fewer paired documents than this are no basis for a verdict: a percentile interval of a handful of documents excludes
 * zero far too easily (at n = 1 always), and six changed documents are the least from which an exact test can tell at 5 %.
 */
export const minimumDocuments = 10;

/** From this number of seeds on, a verdict must hold over seeds as well as over documents (design §7). */
export const minimumSeeds = 3;

/** Rounding in sums of thousands of values; no metric is told apart below it. */
const rounding = 1e-12;

function sign({ low, high }: Interval): -1 | 0 | 1 {
  return low > rounding ? 1 : high < -rounding ? -1 : 0;
}

/** Better or worse for the arm, given the sign of its effect: forgetting more is worse. */
export function verdictOf(effectSign: -1 | 0 | 1, role: Role): Verdict {
  if (effectSign === 0) return 'not distinguishable';
  return effectSign > 0 === (role !== 'forgetting') ? 'better' : 'worse';
}

/**
 * The rule of design §7: the document interval must exclude zero and, with three seeds or more, the seed interval too, with
 * the same sign.
 */
export function decide(
  contrast: Pick<Contrast, 'role' | 'documents' | 'seeds' | 'documentInterval' | 'seedInterval'>,
): Pick<Contrast, 'verdict' | 'reason'> {
  const { role, documents, seeds, documentInterval, seedInterval } = contrast;
  if (!documentInterval) return { verdict: 'not enough data', reason: 'There are no paired documents.' };
  if (documents < minimumDocuments) {
    return {
      verdict: 'not enough data',
      reason: `Only ${documents} documents are paired; a verdict needs ${minimumDocuments}.`,
    };
  }
  const overDocuments = sign(documentInterval);
  const overSeeds = seeds.length >= minimumSeeds && seedInterval ? sign(seedInterval) : overDocuments;
  return { verdict: overDocuments === overSeeds ? verdictOf(overDocuments, role) : 'not distinguishable' };
}
