import { mean, standardError } from './moments.ts';
import { studentCdf } from './student.ts';

/** A t statistic with its degrees of freedom and p-value. */
export interface StudentTest {
  t: number;
  degrees: number;
  p: number;
}

/**
 * Paired t test (Student 1908): are the differences zero on average? Two-sided; undefined below two differences. Equal
 * differences have no spread: t is then infinite, or NaN with p = 1 where all are zero.
 */
export function pairedTest(differences: ArrayLike<number>): StudentTest | undefined {
  if (differences.length < 2) return undefined;
  const degrees = differences.length - 1;
  const t = mean(differences) / standardError(differences);
  return { t, degrees, p: Number.isNaN(t) ? 1 : Math.min(1, 2 * studentCdf(-Math.abs(t), degrees)) };
}

export interface EquivalenceTest {
  /** Of "the mean is −margin or less" and of "the mean is +margin or more"; both must be small. */
  lower: number;
  upper: number;
  /** The larger of the two: the p-value of the whole test. */
  p: number;
}

/**
 * Two one-sided tests for equivalence (TOST; Schuirmann 1987) on paired differences: is their mean within ±margin? Undefined
 * below two. `leastDeviation` is the smallest standard deviation that differences can have when their mean is at the margin:
 * where nothing changed at all the sample shows no spread, and would prove everything (the variance of a score test is that
 * under the hypothesis, too).
 */
export function equivalenceTest(
  differences: ArrayLike<number>,
  margin: number,
  leastDeviation = 0,
): EquivalenceTest | undefined {
  const n = differences.length;
  if (n < 2) return undefined;
  const centre = mean(differences);
  const error = Math.max(standardError(differences), leastDeviation / Math.sqrt(n));
  // Without any spread the mean is what it is.
  const tail = (distance: number) => (error === 0 ? (distance > 0 ? 0 : 1) : studentCdf(-distance / error, n - 1));
  const lower = tail(centre + margin);
  const upper = tail(margin - centre);
  return { lower, upper, p: Math.max(lower, upper) };
}
