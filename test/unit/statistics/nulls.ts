import { type Random, random } from '../../../src/base/random.ts';
import { bootstrapped, bootstrapSums, percentileInterval } from '../../../src/statistics/bootstrap.ts';
import { clusterBootstrap } from '../../../src/statistics/cluster.ts';
import { mcnemarTest } from '../../../src/statistics/exact.ts';
import { mean, sum } from '../../../src/statistics/moments.ts';
import { equivalenceTest, pairedTest } from '../../../src/statistics/paired.ts';
import type { Interval } from '../../../src/statistics/student.ts';

/**
 * Worlds without a difference, and how often each test finds one: pairs of arms whose documents, and seeds, are drawn anew
 * every time from a population in which both arms are equally good.
 */

const excludesZero = ({ low, high }: Interval) => low > 1e-12 || high < -1e-12;

/** Two arms' values of one document table, `[documents]` or `[seeds][documents]`. */
const draws = (n: number, value: (i: number) => number) => Float64Array.from({ length: n }, (_, i) => value(i));

/** How likely a document is answered: many easy, many hard, some between. */
const difficulty = (g: Random) => Math.sin((Math.PI / 2) * g.float()) ** 2;
const clamp = (p: number) => Math.min(1, Math.max(0, p));
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

/** What arms differ by besides chance: of each seed, of each document, on average of neither. */
export interface Spread {
  seeds: number;
  documents: number;
}

/** Yes/no answers of two arms over seeds, difference `[seeds][documents]`. */
function table(g: Random, seeds: number, documents: number, spread: Spread): Float64Array[] {
  const hard = draws(documents, () => 0.2 + 0.6 * g.float());
  const own = draws(documents, () => spread.documents * g.normal());
  return Array.from({ length: seeds }, () => {
    const [a, b] = [spread.seeds * g.normal(), spread.seeds * g.normal()];
    return draws(documents, (i) => answer(g, clamp(hard[i]! + own[i]! + a)) - answer(g, clamp(hard[i]! - own[i]! + b)));
  });
}

export function overSeeds(g: Random, seeds: number, documents: number, spread: Spread, how: Resampling): Outcome {
  const cells = table(g, seeds, documents, spread);
  const averages = draws(documents, (i) => mean(cells.map((row) => row[i]!)));
  const byDocuments = overDocuments(averages, how);
  const t = pairedTest(cells.map(mean))!.p < 0.05;
  return {
    'percentile bootstrap over documents': byDocuments['percentile bootstrap over documents']!,
    'paired t over seeds': t,
    'cluster bootstrap over both': excludesZero(clusterBootstrap(cells, how)),
    'verdict (both intervals)': t && byDocuments['percentile bootstrap over documents']!,
  };
}

/** The arm has lost exactly the margin: how often is it called the same? */
export function equivalence(g: Random, documents: number, margin: number): Outcome {
  const differences = draws(documents, () => {
    const p = margin + (1 - margin) * (0.6 + 0.4 * g.float());
    return answer(g, p) - answer(g, p - margin);
  });
  return { 'TOST at the margin': equivalenceTest(differences, margin, Math.sqrt(margin * (1 - margin)))!.p < 0.05 };
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
