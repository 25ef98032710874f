import { bootstrapSums, percentileInterval } from '../statistics/bootstrap.ts';
import { mcnemarTest } from '../statistics/exact.ts';
import { holm } from '../statistics/holm.ts';
import { mean } from '../statistics/moments.ts';
import { type Interval, studentInterval } from '../statistics/student.ts';
import { metricOf } from '../tasks/metrics.ts';
import { type Group, seedOf } from './groups.ts';
import { type Composition, compositionOf } from './metrics.ts';
import { columnsOf, pairDocuments, type RunColumns } from './pairing.ts';
import type { ComparedMetric, ComparedRun, Contrast } from './types.ts';
import { decide } from './verdict.ts';

/** Which two arms are held against each other. */
export interface Pair {
  arm: Group;
  against: Group;
}

export interface Resampling {
  level: number;
  resamples: number;
  seed: number;
}

/** Runs of both arms that belong together: by seed; a run without seed pairs with every seed of the other (design §4). */
function pairRuns({ arm, against }: Pair, has: (run: ComparedRun) => boolean) {
  const left = arm.runs.filter(has);
  const right = against.runs.filter(has);
  const seedless = (runs: ComparedRun[]) => runs.find((r) => seedOf(r) === undefined);
  const seeds = new Set([...left, ...right].flatMap((r) => seedOf(r) ?? []));
  if (seeds.size === 0) {
    const [a, b] = [left[0], right[0]];
    return { seeds: [], pairs: a && b ? [{ a, b }] : [] };
  }
  const pairs = [...seeds]
    .sort((x, y) => x - y)
    .flatMap((seed) => {
      const a = left.find((r) => seedOf(r) === seed) ?? seedless(left);
      const b = right.find((r) => seedOf(r) === seed) ?? seedless(right);
      return a && b ? [{ seed, a, b }] : [];
    });
  return { seeds: pairs.map((p) => p.seed), pairs };
}

/** Both sides of a contrast on the paired documents; one entry a seed (one in all when neither arm has seeds). */
interface Prepared {
  contrast: Contrast;
  documents: number[];
  sides?: { a: RunColumns; b: RunColumns }[];
}

function prepare(pair: Pair, metric: ComparedMetric, composition: Composition): Prepared {
  const { task } = metric;
  const { seeds, pairs } = pairRuns(pair, (r) => r.run.scores?.[task]?.[metric.metric] !== undefined);
  const contrast: Contrast = {
    arm: pair.arm.arm,
    against: pair.against.arm,
    task,
    metric: metric.metric,
    role: metric.role,
    verdict: 'not enough data',
    documents: 0,
    unpaired: 0,
    seeds,
  };
  if (pairs.length === 0) {
    contrast.reason = 'The two arms have no finished runs that belong together.';
    return { contrast, documents: [] };
  }
  const samplesOf = (run: ComparedRun) => run.samples[task] ?? [];
  const runs = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))];
  const { documents, unpaired } = pairDocuments(runs.map(samplesOf));
  const columns = new Map(runs.map((r) => [r, columnsOf(samplesOf(r), documents, composition)]));
  if (documents.length === 0 || [...columns.values()].includes(undefined)) {
    contrast.unpaired = unpaired;
    contrast.reason = unpaired > 0 ? 'The arms were asked different documents.' : 'There are no results per document.';
    return { contrast, documents: [] };
  }
  Object.assign(contrast, { documents: documents.length, unpaired });
  return {
    contrast,
    documents,
    sides: pairs.map(({ a, b }) => ({ a: columns.get(a)!, b: columns.get(b)! })),
  };
}

const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

/** +1 if a higher value of the metric is a larger effect: gain of a score, forgetting of a perplexity. */
function effectSign({ role, higherIsBetter }: ComparedMetric): 1 | -1 {
  return higherIsBetter === (role !== 'forgetting') ? 1 : -1;
}

/** Estimates and the t interval over seeds. */
function estimate(
  { contrast, sides }: Prepared,
  metric: ComparedMetric,
  composition: Composition,
  level: number,
): void {
  if (!sides) return;
  const score = ({ numerators, denominators }: RunColumns) => composition.of(total(numerators) / total(denominators));
  const left = sides.map((s) => score(s.a));
  const right = sides.map((s) => score(s.b));
  const sign = effectSign(metric);
  const effects = left.map((v, i) => sign * (v - right[i]!));
  contrast.value = mean(left);
  contrast.againstValue = mean(right);
  contrast.effect = mean(effects);
  const seedInterval = contrast.seeds.length > 1 ? studentInterval(effects, level) : undefined;
  if (seedInterval) contrast.seedInterval = seedInterval;
}

/**
 * Document intervals of contrasts over the same documents, from one set of resamples: in each, the metric of every run is
 * made anew from its numerator and denominator, and the effect is the mean over seeds of the differences. For means this
 * is the interval of the per-document mean over seeds (design §7); for ratios it resamples numerator and denominator.
 */
function documentIntervals(
  prepared: readonly Prepared[],
  metric: ComparedMetric,
  composition: Composition,
  { level, resamples, seed }: Resampling,
): Interval[] {
  const runs = [...new Set(prepared.flatMap((p) => p.sides!.flatMap(({ a, b }) => [a, b])))];
  // Runs that were asked the same documents mostly share their denominators: each is resampled once.
  const denominators = distinct(runs.map((r) => r.denominators));
  const sums = bootstrapSums([...runs.map((r) => r.numerators), ...denominators], {
    resamples,
    seed: `${seed} ${metric.task} ${metric.metric}`,
  });
  const values = new Map(
    runs.map((run, i) => {
      const below = sums[runs.length + denominators.findIndex((d) => equal(d, run.denominators))]!;
      return [run, sums[i]!.map((above, r) => composition.of(above / below[r]!))];
    }),
  );
  const sign = effectSign(metric);
  return prepared.map(({ sides }) => {
    const effects = new Float64Array(resamples);
    for (const { a, b } of sides!) {
      const [left, right] = [values.get(a)!, values.get(b)!];
      for (let r = 0; r < resamples; r++) effects[r]! += (sign * (left[r]! - right[r]!)) / sides!.length;
    }
    return percentileInterval(effects, level);
  });
}

const equal = (a: Float64Array, b: Float64Array): boolean => a.every((value, i) => value === b[i]);

function distinct(columns: readonly Float64Array[]): Float64Array[] {
  return columns.filter((column, i) => columns.findIndex((other) => equal(other, column)) === i);
}

/** Documents that change sides between right and wrong, by the majority of seeds; undefined for values other than 0 and 1. */
function flipsOf({ documents, sides }: Prepared): Contrast['flips'] {
  if (!sides) return undefined;
  const rights = (side: 'a' | 'b', i: number) => sides.reduce((n, s) => n + s[side].numerators[i]!, 0) / sides.length;
  const yesNo = sides.every((s) => [...s.a.numerators, ...s.b.numerators].every((v) => v === 0 || v === 1));
  if (!yesNo) return undefined;
  const flips = { gained: [] as number[], lost: [] as number[] };
  for (const [i, doc] of documents.entries()) {
    const [arm, against] = [rights('a', i), rights('b', i)];
    if (arm > 0.5 && against < 0.5) flips.gained.push(doc);
    if (arm < 0.5 && against > 0.5) flips.lost.push(doc);
  }
  return flips;
}

/** All contrasts of one metric, in the order of `pairs`. */
export function contrastsOf(metric: ComparedMetric, pairs: readonly Pair[], resampling: Resampling): Contrast[] {
  const known = metricOf(metric.metric);
  if (!known) throw new Error(`no such metric: ${metric.metric}`);
  const composition = compositionOf(known);
  const prepared = pairs.map((pair) => prepare(pair, metric, composition));

  const byDocuments = new Map<string, Prepared[]>();
  for (const p of prepared.filter(({ sides }) => sides)) {
    const key = p.documents.join();
    byDocuments.set(key, [...(byDocuments.get(key) ?? []), p]);
  }
  for (const same of byDocuments.values()) {
    const intervals = documentIntervals(same, metric, composition, resampling);
    for (const [i, p] of same.entries()) p.contrast.documentInterval = intervals[i]!;
  }
  for (const p of prepared) {
    estimate(p, metric, composition, resampling.level);
    const flips = known.aggregation === 'mean' ? flipsOf(p) : undefined;
    if (flips) p.contrast.flips = flips;
    if (p.sides) Object.assign(p.contrast, decide(p.contrast));
  }
  addTests(prepared);
  return prepared.map((p) => p.contrast);
}

/** Flips of one seed are independent documents, so that the exact test applies; over several seeds it would not. */
function addTests(prepared: readonly Prepared[]): void {
  const tested = prepared.filter((p) => p.contrast.flips && p.sides!.length === 1);
  const pValues = tested.map(({ contrast }) => mcnemarTest(contrast.flips!.gained.length, contrast.flips!.lost.length));
  for (const [i, adjusted] of holm(pValues).entries()) tested[i]!.contrast.mcnemar = { p: pValues[i]!, adjusted };
}
