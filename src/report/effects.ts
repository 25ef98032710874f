import { type Bootstrapped, bootstrapped, bootstrapSums, type Draws, sharedDraws } from '../statistics/bootstrap.ts';
import { crossedEstimates, marginsOf, studentDraws } from '../statistics/cluster.ts';
import { mean, skewness } from '../statistics/moments.ts';
import type { Composition } from './metrics.ts';
import type { RunColumns } from './pairing.ts';
import { minimumSeeds } from './verdict.ts';

/** The two runs of a seed on the paired documents (of all, where neither arm has seeds). */
export interface Side {
  a: RunColumns;
  b: RunColumns;
}

/** One contrast as numbers. */
export interface Table {
  /** One entry a seed. */
  sides: readonly Side[];
  composition: Composition;
  /** +1 if a higher value of the metric is a larger effect, else −1. */
  sign: 1 | -1;
}

export interface Resampling {
  level: number;
  resamples: number;
  seed: number;
  draws: SharedDraws;
}

/** What is drawn once for all contrasts of a comparison. */
export interface SharedDraws {
  documents(count: number): Draws | undefined;
  /** From Student's t, for this many seeds. */
  seeds(count: number): Float64Array;
}

export function drawsFor(resamples: number, seed: number): SharedDraws {
  return {
    documents: once((count) => sharedDraws(count, { resamples, seed })),
    seeds: once((count) => studentDraws(resamples, count - 1, seed)),
  };
}

function once<T>(make: (count: number) => T): (count: number) => T {
  const known = new Map<number, T>();
  return (count) => {
    if (!known.has(count)) known.set(count, make(count));
    return known.get(count)!;
  };
}

const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

/** What one contrast amounts to, before anything is resampled. */
export interface Effects {
  /** Mean over seeds of the metric. */
  value: number;
  againstValue: number;
  /** Signed difference, one a seed. */
  bySeed: number[];
  /**
   * Signed difference `[seeds][documents]`: of a mean each document's own, of a ratio the jackknife's pseudo-values
   * (Tukey 1958: n·θ − (n − 1)·θ without the document), moved so that their mean is the difference.
   */
  cells: Float64Array[];
  /** The mean difference over seeds without each document in turn. */
  leaveOneOut: Float64Array;
}

export function effectsOf({ sides, composition: { of }, sign }: Table): Effects {
  const n = sides[0]!.a.numerators.length;
  const leaveOneOut = new Float64Array(n);
  const [values, against]: [number[], number[]] = [[], []];
  const cells = sides.map(({ a, b }) => {
    const sums = [total(a.numerators), total(a.denominators), total(b.numerators), total(b.denominators)] as const;
    const [left, right] = [of(sums[0] / sums[1]), of(sums[2] / sums[3])];
    values.push(left);
    against.push(right);
    const effect = sign * (left - right);
    const cell = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const without =
        of((sums[0] - a.numerators[i]!) / (sums[1] - a.denominators[i]!)) -
        of((sums[2] - b.numerators[i]!) / (sums[3] - b.denominators[i]!));
      leaveOneOut[i]! += (sign * without) / sides.length;
      cell[i] = n * effect - (n - 1) * sign * without;
    }
    const shift = effect - mean(cell);
    for (let i = 0; i < n; i++) cell[i]! += shift;
    return cell;
  });
  return {
    value: mean(values),
    againstValue: mean(against),
    bySeed: values.map((v, i) => sign * (v - against[i]!)),
    cells,
    leaveOneOut,
  };
}

/** Columns that are resampled together; the same column asked for twice is resampled once. */
function columnSet() {
  const columns: Float64Array[] = [];
  const places = new Map<Float64Array, number>();
  return {
    columns,
    add(column: Float64Array): number {
      const known = places.get(column) ?? columns.findIndex((c) => equal(c, column));
      const place = known >= 0 ? known : columns.push(column) - 1;
      places.set(column, place);
      return place;
    },
  };
}

function equal(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export interface Resampled {
  documents: Bootstrapped;
  /** Documents and seeds drawn anew together; from three seeds on. */
  joint?: Bootstrapped;
}

/**
 * What resamples say of contrasts over the same documents; one set of draws serves all of them. In each resample the metric of
 * every run is made anew from its numerator and denominator, and the effect is the mean over seeds of the differences: for
 * means that is the per-document mean over seeds (design §7), for ratios numerator and denominator are resampled together.
 */
export function resample(
  tables: readonly { table: Table; effects: Effects }[],
  { resamples, seed, draws }: Omit<Resampling, 'level'>,
): Resampled[] {
  const set = columnSet();
  const plans = tables.map(({ table, effects }) => ({
    table,
    effects,
    estimator: estimatorOf(table, set.add),
  }));
  const sums = bootstrapSums(set.columns, { resamples, seed, draws: draws.documents(set.columns[0]!.length) });
  return plans.map(({ table, effects, estimator }) => {
    const { cells, bySeed } = effects;
    const effect = mean(bySeed);
    const leaveOneOut = isLopsided(effects, table) ? effects.leaveOneOut : undefined;
    const documents = bootstrapped(estimator(sums), effect, leaveOneOut);
    if (cells.length < minimumSeeds || cells[0]!.length < 2) return { documents };
    const crossed = crossedEstimates(marginsOf(cells), documents.estimates(), draws.seeds(cells.length));
    return { documents, joint: bootstrapped(crossed, effect) };
  });
}

type Add = (column: Float64Array) => number;
type Estimator = (sums: readonly Float64Array[]) => Float64Array;

/** From these sizes on BCa finds no more differences that are not there than the percentile interval (`docs/statistics.md`). */
const lopsided = { documents: 500, skewness: 2 };

/**
 * Where BCa is the better interval: results without bounds, some of which pull far to one side. Of yes/no answers, of
 * balanced results and of fewer documents it is the worse one, since skewness that is only chance is corrected for.
 */
function isLopsided({ leaveOneOut }: Effects, { composition }: Table): boolean {
  const size = leaveOneOut.length;
  return composition.unbounded && size >= lopsided.documents && Math.abs(skewness(leaveOneOut)) > lopsided.skewness;
}

/** How a contrast's effect follows from the sums of a resample. */
function estimatorOf({ sides, composition: { of, slope }, sign }: Table, add: Add): Estimator {
  const runs = sides.flatMap(({ a, b }) => [a, b]);
  const [first] = runs;
  if (slope !== undefined && runs.every((r) => equal(r.denominators, first!.denominators))) {
    // A line through zero over one denominator: the mean over seeds may be taken before the sum.
    const difference = new Float64Array(first!.numerators.length);
    const factor = (sign * slope) / sides.length;
    for (const { a, b } of sides) {
      for (let i = 0; i < difference.length; i++) difference[i]! += factor * (a.numerators[i]! - b.numerators[i]!);
    }
    const [above, below] = [add(difference), add(first!.denominators)];
    return (sums) => sums[above]!.map((value, r) => value / sums[below]![r]!);
  }
  const places = sides.map(({ a, b }) => [a, b].map((run) => [add(run.numerators), add(run.denominators)] as const));
  return (sums) => {
    const effects = new Float64Array(sums[0]!.length);
    const value = ([above, below]: readonly [number, number], r: number) => of(sums[above]![r]! / sums[below]![r]!);
    for (const [a, b] of places) {
      for (let r = 0; r < effects.length; r++) effects[r]! += (sign * (value(a!, r) - value(b!, r))) / places.length;
    }
    return effects;
  };
}
