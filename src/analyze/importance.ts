import { likelihoodMetrics } from '../evaluate/metrics.ts';
import type { TaskRequest } from '../plan/types.ts';
import type { AttentionDescription, ImportanceRecord, TaskImportance } from '../record/importance.ts';
import type { SampleRecord } from '../record/types.ts';
import { benchmarkOf } from '../tasks/benchmarks.ts';
import { taskKind } from '../tasks/kinds.ts';
import { improvement } from '../tasks/metrics.ts';
import type { CorpusMeasurement } from './corpus.ts';
import { type Estimate, intervalsOf, pointEstimate, ratio, sumOf } from './estimate.ts';
import { attentionMeasures } from './observers.ts';
import type { Variant } from './scan.ts';
import type { TaskMeasurement } from './tasks.ts';

/** How each metric is made of a measurement, one estimate a layer (design §6); undefined where it was not measured. */
const metricRows: Record<string, (m: CorpusMeasurement) => Estimate[] | undefined> = {
  angular: ({ angular, tokens }) => angular?.map((distances) => ratio(distances, tokens)),
  influence: ({ cosine, tokens }) =>
    cosine?.map((cosines) => ({ columns: [cosines, tokens], of: ([sum, count]) => 1 - sum! / count! })),
  removal: (m) => changeOfNll(m, 'removal'),
  duplication: (m) => changeOfNll(m, 'duplication'),
};

function changeOfNll({ changed, nll, targets }: CorpusMeasurement, variant: Variant): Estimate[] | undefined {
  return changed[variant]?.map((own) => ({
    columns: [own, nll, targets],
    of: ([after, before, count]) => (after! - before!) / count!,
  }));
}

/** The part of `importance.json` that is measured on the first corpus. */
export function corpusImportance(
  measured: CorpusMeasurement,
  metrics: readonly string[],
): Pick<ImportanceRecord, 'documents' | 'tokens' | 'nll' | 'metrics' | 'intervals' | 'blocks'> {
  const rows = metrics.flatMap((name) => {
    const estimates = metricRows[name]?.(measured);
    return estimates ? [{ name, estimates }] : [];
  });
  const intervals = intervalsOf(rows.flatMap(({ estimates }) => estimates));
  return {
    documents: measured.tokens.length,
    tokens: sumOf(measured.tokens),
    nll: pointEstimate(ratio(measured.nll, measured.targets)),
    metrics: Object.fromEntries(rows.map(({ name, estimates }) => [name, estimates.map(pointEstimate)])),
    intervals: Object.fromEntries(rows.map(({ name, estimates }) => [name, intervals.splice(0, estimates.length)])),
    ...(measured.blocks && { blocks: measured.blocks }),
  };
}

export function attentionDescription({ attention, looking }: CorpusMeasurement): AttentionDescription | undefined {
  if (!attention) return undefined;
  const means = attentionMeasures.map((measure) => [
    measure,
    attention[measure].map((sums) => pointEstimate(ratio(sums, looking))),
  ]);
  return { tokens: sumOf(looking), ...Object.fromEntries(means) } as AttentionDescription;
}

/** Drops of a task's primary score, paired over documents. */
export function taskImportance(task: TaskRequest, { base, changed }: TaskMeasurement): TaskImportance {
  const metric = primaryMetric(task, Object.keys(base.scores));
  const score = scoreOf(metric);
  const [before, weights] = score.columns(base.samples);
  const drops: TaskImportance['drops'] = {};
  const intervals: TaskImportance['intervals'] = {};
  for (const [variant, results] of Object.entries(changed) as [Variant, TaskMeasurement['base'][]][]) {
    const estimates = results.map(({ samples }): Estimate => {
      const [after] = score.columns(samples);
      return {
        columns: [before, after, weights],
        of: ([b, a, w]) => improvement(metric, score.of(a! / w!), score.of(b! / w!)),
      };
    });
    drops[variant] = estimates.map(pointEstimate);
    intervals[variant] = intervalsOf(estimates);
  }
  return {
    metric,
    documents: base.samples.length,
    base: base.scores[metric]!.value,
    drops,
    intervals,
  };
}

/** The metric that speaks for a task: the first of its kind that was recorded. */
function primaryMetric({ spec }: TaskRequest, recorded: readonly string[]): string {
  const own = spec.kind === 'benchmark' ? benchmarkOf(spec.benchmark)?.metrics : taskKind(spec.kind).metrics;
  return own?.find((name) => recorded.includes(name)) ?? recorded[0]!;
}

/** A score as `of(Σ numerator / Σ weight)` over documents. */
function scoreOf(metric: string): {
  columns(samples: readonly SampleRecord[]): [numerators: Float64Array, weights: Float64Array];
  of(quotient: number): number;
} {
  const column = (samples: readonly SampleRecord[], of: (sample: SampleRecord) => unknown) =>
    Float64Array.from(samples, (s) => Number(of(s)));
  const likelihood = Object.hasOwn(likelihoodMetrics, metric)
    ? likelihoodMetrics[metric as keyof typeof likelihoodMetrics]
    : undefined;
  if (!likelihood) {
    return { columns: (samples) => [column(samples, (s) => s[metric]), column(samples, () => 1)], of: (mean) => mean };
  }
  const { per, of } = likelihood;
  return {
    columns: (samples) => [column(samples, (s) => -Number(s['loglikelihood'])), column(samples, (s) => s[per])],
    of,
  };
}
