import { mean } from '../statistics/moments.ts';
import type { Group } from './groups.ts';
import type { ComparedMetric, Curve, CurvePoint } from './types.ts';

/** More points than this cannot be told apart in any chart; consecutive records are averaged instead of dropped. */
const maximumPoints = 400;

type Series = Map<number, number>;

/** Mean and range over seeds at the steps that every seed has. */
function overSeeds(seeds: readonly Series[]): CurvePoint[] {
  const [first, ...others] = seeds;
  return [...(first?.keys() ?? [])]
    .filter((step) => others.every((series) => series.has(step)))
    .sort((a, b) => a - b)
    .map((step) => {
      const values = seeds.map((series) => series.get(step)!);
      return { step, mean: mean(values), low: Math.min(...values), high: Math.max(...values) };
    });
}

/** Averages every `stride` consecutive records of a seed; the step is that of the last of them. */
function thin(series: Series, stride: number): Series {
  if (stride === 1) return series;
  const entries = [...series].sort(([a], [b]) => a - b);
  const thinned: Series = new Map();
  for (let i = 0; i < entries.length; i += stride) {
    const bucket = entries.slice(i, i + stride);
    thinned.set(bucket.at(-1)![0], mean(bucket.map(([, value]) => value)));
  }
  return thinned;
}

function curve(arm: string, seeds: readonly Series[]): Curve | undefined {
  const present = seeds.filter((series) => series.size > 0);
  if (present.length === 0) return undefined;
  const stride = Math.max(1, Math.ceil(Math.max(...present.map((s) => s.size)) / maximumPoints));
  return { arm, seeds: present.length, stride, points: overSeeds(present.map((s) => thin(s, stride))) };
}

/** Training loss by optimizer step, nats per target. */
export function lossCurves(groups: readonly Group[]): Curve[] {
  return groups.flatMap(
    ({ arm, runs }) =>
      curve(
        arm,
        runs.map(({ steps }) => new Map(steps.map((s) => [s.step, s.loss]))),
      ) ?? [],
  );
}

/** A metric during training, closed by the final score; only arms that were evaluated on the way. */
export function scoreCurves(groups: readonly Group[], { task, metric }: ComparedMetric): Curve[] {
  return groups.flatMap(({ arm, runs }) => {
    const seeds = runs.map(({ run, curve: records }) => {
      const series: Series = new Map();
      for (const r of records) if (r.task === task && r.metric === metric) series.set(r.step, r.value);
      const final = run.scores?.[task]?.[metric];
      // Where the best weights were kept, the final score is not that of the last step.
      const last = run.spec.training?.keep ? undefined : run.spec.training?.steps;
      if (series.size > 0 && final && last !== undefined) series.set(last, final.value);
      return series;
    });
    const found = curve(arm, seeds);
    return found && found.points.length > 1 ? [found] : [];
  });
}
