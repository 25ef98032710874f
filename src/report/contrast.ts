import type { Bootstrapped } from '../statistics/bootstrap.ts';
import { mean } from '../statistics/moments.ts';
import { studentInterval } from '../statistics/student.ts';
import { metricOf } from '../tasks/metrics.ts';
import { type Effects, effectsOf, type Resampling, resample, type Side, type Table } from './effects.ts';
import { equivalenceOf } from './equivalence.ts';
import { type Group, seedOf } from './groups.ts';
import { type Composition, compositionOf } from './metrics.ts';
import { columnsOf, pairDocuments, type RunColumns } from './pairing.ts';
import { addTests, flipsOf } from './significance.ts';
import type { CleanContrast, ComparedMetric, ComparedRun, Contrast } from './types.ts';
import { decide } from './verdict.ts';

/** Which two arms are held against each other. */
export interface Pair {
  arm: Group;
  against: Group;
}

export interface ContrastOptions extends Resampling {
  /** See `equivalence.ts`. */
  margin: number;
  /** `doc_id`s of the task that overlap with what was trained on. */
  overlapping?: ReadonlySet<number>;
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

/** A contrast with the numbers it is made of; `table` is undefined where there is nothing to compare. */
interface Prepared {
  contrast: Contrast;
  documents: number[];
  table?: Table;
}

/** Columns of each run on each set of documents, made once however many contrasts ask for them. */
type ColumnCache = (run: ComparedRun, documents: readonly number[]) => RunColumns | undefined;

function columnCache(task: string, composition: Composition): ColumnCache {
  const known = new Map<ComparedRun, { key: string; columns: RunColumns | undefined }[]>();
  return (run, documents) => {
    const key = documents.join();
    const own = known.get(run) ?? [];
    known.set(run, own);
    const found = own.find((entry) => entry.key === key);
    if (found) return found.columns;
    const columns = columnsOf(run.samples[task] ?? [], documents, composition);
    own.push({ key, columns });
    return columns;
  };
}

/** +1 if a higher value of the metric is a larger effect: gain of a score, forgetting of a perplexity. */
function effectSign({ role, higherIsBetter }: ComparedMetric): 1 | -1 {
  return higherIsBetter === (role !== 'forgetting') ? 1 : -1;
}

function prepare(
  pair: Pair,
  metric: ComparedMetric,
  composition: Composition,
  columnsFor: ColumnCache,
  counts: (document: number) => boolean,
): Prepared {
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
    tests: [],
  };
  if (pairs.length === 0) {
    contrast.reason = 'The two arms have no finished runs that belong together.';
    return { contrast, documents: [] };
  }
  const runs = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))];
  const { documents: paired, unpaired } = pairDocuments(runs.map((run) => run.samples[task] ?? []));
  const documents = paired.filter(counts);
  const columns = new Map(runs.map((run) => [run, columnsFor(run, documents)]));
  if (documents.length === 0 || [...columns.values()].includes(undefined)) {
    contrast.unpaired = unpaired;
    contrast.reason =
      paired.length > documents.length
        ? 'Every paired document overlaps with what was trained on.'
        : unpaired > 0
          ? 'The arms were asked different documents.'
          : 'There are no results per document.';
    return { contrast, documents: [] };
  }
  Object.assign(contrast, { documents: documents.length, unpaired });
  const sides: Side[] = pairs.map(({ a, b }) => ({ a: columns.get(a)!, b: columns.get(b)! }));
  return { contrast, documents, table: { sides, composition, sign: effectSign(metric) } };
}

/** All contrasts of one metric, in the order of `pairs`. */
export function contrastsOf(metric: ComparedMetric, pairs: readonly Pair[], options: ContrastOptions): Contrast[] {
  const known = metricOf(metric.metric);
  if (!known) throw new Error(`no such metric: ${metric.metric}`);
  const composition = compositionOf(known);
  const columnsFor = columnCache(metric.task, composition);
  const overlapping = options.overlapping ?? new Set();
  const measured = (counts: (document: number) => boolean) => {
    const prepared = pairs.map((pair) => prepare(pair, metric, composition, columnsFor, counts));
    measure(prepared, options, (p, effects, joint) => {
      if (known.aggregation === 'mean') {
        const flips = flipsOf(p.documents, p.table!.sides);
        if (flips) p.contrast.flips = flips;
      }
      if (metric.role !== 'forgetting') return;
      const equivalence = equivalenceOf(p.contrast, effects, joint, known, options.margin);
      if (equivalence) p.contrast.equivalence = equivalence;
    });
    return prepared.map((p) => p.contrast);
  };
  const contrasts = measured(() => true);
  if (overlapping.size === 0) return contrasts;
  const clean = measured((document) => !overlapping.has(document));
  // Said where it makes a difference: some paired document is left out.
  return contrasts.map((c, i) => (clean[i]!.documents < c.documents ? { ...c, clean: cleanOf(clean[i]!) } : c));
}

/** Fills in estimates, intervals, tests and verdicts; contrasts over the same documents share their resamples. */
function measure(
  prepared: readonly Prepared[],
  options: ContrastOptions,
  more: (prepared: Prepared, effects: Effects, joint: Bootstrapped | undefined) => void,
): void {
  const groups = new Map<string, { prepared: Prepared; table: Table; effects: Effects }[]>();
  for (const p of prepared) {
    if (!p.table) continue;
    const key = p.documents.join();
    const entry = { prepared: p, table: p.table, effects: effectsOf(p.table) };
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  for (const group of groups.values()) {
    for (const [i, { documents, joint }] of resample(group, options).entries()) {
      const { prepared: p, effects } = group[i]!;
      const { contrast } = p;
      const { value, againstValue, bySeed } = effects;
      const seedInterval = contrast.seeds.length > 1 ? studentInterval(bySeed, options.level) : undefined;
      Object.assign(contrast, {
        value,
        againstValue,
        effect: mean(bySeed),
        interval: (joint ?? documents).interval(options.level),
        documentInterval: documents.interval(options.level),
        documentMethod: documents.method,
        ...(seedInterval && { seedInterval }),
      });
      more(p, effects, joint);
      addTests(contrast, { documents, joint });
      Object.assign(contrast, decide(contrast));
    }
  }
}

function cleanOf(contrast: Contrast): CleanContrast {
  const { verdict, reason, documents, value, againstValue, effect, interval } = contrast;
  const { documentInterval, documentMethod, seedInterval } = contrast;
  return {
    verdict,
    ...(reason !== undefined && { reason }),
    documents,
    ...(value !== undefined && { value, againstValue, effect }),
    ...(interval && { interval }),
    ...(documentInterval && { documentInterval, documentMethod }),
    ...(seedInterval && { seedInterval }),
  };
}
