import { type Random, random } from '../../../src/base/random.ts';
import { bootstrapped, bootstrapSums, percentileInterval } from '../../../src/statistics/bootstrap.ts';
import { mcnemarTest } from '../../../src/statistics/exact.ts';
import { sum } from '../../../src/statistics/moments.ts';
import type { Interval } from '../../../src/statistics/student.ts';

/**
 * Worlds without a difference, one seed, and how often each test over documents finds one: pairs of arms whose documents are
 * drawn anew every time from a population in which both arms are equally good. (`../report/nulls.ts` has whole verdicts.)
 */

const excludesZero = ({ low, high }: Interval) => low > 1e-12 || high < -1e-12;

/** Two arms' values of one document table, `[documents]`. */
const draws = (n: number, value: (i: number) => number) => Float64Array.from({ length: n }, (_, i) => value(i));

/** How likely a document is answered: many easy, many hard, some between. */
const difficulty = (g: Random) => Math.sin((Math.PI / 2) * g.float()) ** 2;
const answer = (g: Random, p: number) => (g.float() < p ? 1 : 0);

export interface Resampling {
  resamples: number;
  seed: number;
}

/** Which tests reject. */
export type Outcome = Record<string, boolean>;

/** The rule over documents of a mean. */
function overDocuments(differences: Float64Array, { resamples, seed }: Resampling): Outcome {
  const n = differences.length;
  const estimates = bootstrapSums([differences], { resamples, seed })[0]!.map((s) => s / n);
  const total = sum(differences);
  const leaveOneOut = differences.map((d) => (total - d) / (n - 1));
  return {
    'BCa bootstrap over documents': excludesZero(bootstrapped(estimates, total / n, leaveOneOut).interval(0.95)),
    'percentile bootstrap over documents': excludesZero(percentileInterval(estimates)),
  };
}

/** One seed, yes/no answers. */
export function yesNo(g: Random, documents: number, how: Resampling, hard = difficulty): Outcome {
  const differences = draws(documents, () => {
    const p = hard(g);
    return answer(g, p) - answer(g, p);
  });
  const gained = differences.filter((d) => d > 0).length;
  const lost = differences.filter((d) => d < 0).length;
  return { 'exact McNemar': mcnemarTest(gained, lost) < 0.05, ...overDocuments(differences, how) };
}

/** Few documents change: nearly all are answered by both arms. */
export const fewChanges = (g: Random, documents: number, how: Resampling) =>
  yesNo(g, documents, how, (r) => 0.95 + 0.05 * r.float());

/** Nats of texts of very different lengths, divided by their bytes. */
export function ratio(g: Random, documents: number, { resamples, seed }: Resampling): Outcome {
  const bytes = draws(documents, () => Math.round(40 * Math.exp(0.8 * g.normal())) + 5);
  const own = bytes.map((b) => b * (0.6 + 0.2 * Math.abs(g.normal())));
  const arm = () => own.map((nats, i) => nats + Math.sqrt(bytes[i]!) * 0.3 * (g.normal() ** 2 - 1));
  const [a, b] = [arm(), arm()];
  const difference = a.map((v, i) => v - b[i]!);
  const [above, below] = bootstrapSums([difference, bytes], { resamples, seed });
  const [total, totalBytes] = [sum(difference), sum(bytes)];
  const estimates = above!.map((v, r) => v / below![r]!);
  const leaveOneOut = difference.map((d, i) => (total - d) / (totalBytes - bytes[i]!));
  return {
    'BCa bootstrap over documents': excludesZero(
      bootstrapped(estimates, total / totalBytes, leaveOneOut).interval(0.95),
    ),
    'percentile bootstrap over documents': excludesZero(percentileInterval(estimates)),
  };
}

/** No difference on average, but lopsided: an arm loses much on a few documents and gains a little on the others. */
export function lopsided(g: Random, documents: number, how: Resampling): Outcome {
  return overDocuments(
    draws(documents, () => Math.exp(0.7 * g.normal()) - Math.exp(0.245)),
    how,
  );
}

/** Share of trials in which each test rejects. */
export function rates(
  trials: number,
  name: string,
  trial: (g: Random, how: Resampling) => Outcome,
  resamples: number,
): Record<string, number> {
  const generator = random('null', name);
  const counts: Record<string, number> = {};
  for (let i = 0; i < trials; i++) {
    for (const [test, rejected] of Object.entries(trial(generator, { resamples, seed: i }))) {
      counts[test] = (counts[test] ?? 0) + (rejected ? 1 : 0);
    }
  }
  return Object.fromEntries(Object.entries(counts).map(([test, count]) => [test, count / trials]));
}
