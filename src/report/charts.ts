import type { Chart, ChartPoint, ChartSeries } from './chart.ts';
import { importanceCharts, type NamedImportance } from './importance.ts';
import type { ComparedMetric, Comparison, Contrast, Curve } from './types.ts';
import { minimumSeeds } from './verdict.ts';
import {
  contrastSentence,
  effectOf,
  formatEffect,
  formatInterval,
  metricName,
  roleNames,
  signRules,
  subjectContrasts,
} from './words.ts';

/** Every chart of a comparison, in the order in which they are read. */
export function charts(comparison: Comparison): Chart[] {
  return [
    ...forgettingCharts(comparison),
    ...differenceCharts(comparison),
    ...importanceCharts(measuredModels(comparison)),
    ...lossChart(comparison),
    ...scoreCharts(comparison),
  ];
}

/** The base, then what else was measured; an arm's model looks like the arm, others have what the arms leave. */
function measuredModels(comparison: Comparison): NamedImportance[] {
  const { arms, baseline, importance, measured = [] } = comparison;
  const style = (arm: string | undefined, i: number) => {
    const index = arm === undefined ? -1 : styleIndex(comparison, arm);
    return index < 0 ? arms.length + i : index;
  };
  return [
    ...(importance ? [{ name: 'base', importance, style: style(baseline, 0) }] : []),
    ...measured.map((m, i) => ({ name: m.name, importance: m.importance, style: style(m.arm, i + 1) })),
  ];
}

/** An arm's place in the experiment is its style, so that it looks the same in every chart. */
function styleIndex({ arms }: Comparison, arm: string): number {
  return arms.findIndex((a) => a.name === arm);
}

const slug = (metric: Pick<ComparedMetric, 'task' | 'metric'>): string =>
  `${metric.task}-${metric.metric}`.replaceAll(/[^a-zA-Z0-9_-]/g, '-');

/** Gain against forgetting, one chart a forgetting metric; up and to the left is better. */
function forgettingCharts(comparison: Comparison): Chart[] {
  const { metrics, arms, baseline } = comparison;
  const gain = metrics.find((m) => m.role === 'gain');
  if (!gain || baseline === undefined) return [];
  return metrics
    .filter((m) => m.role === 'forgetting')
    .flatMap((forgetting): Chart[] => {
      const series = arms.flatMap(({ name }): ChartSeries[] => {
        const point =
          name === baseline
            ? { x: 0, y: 0, label: `${name}: the baseline` }
            : gainPoint(name, effectOf(comparison, name, gain), effectOf(comparison, name, forgetting));
        return point ? [{ name, style: styleIndex(comparison, name), line: false, points: [point] }] : [];
      });
      if (series.length < 2) return [];
      return [
        {
          id: `gain-against-${slug(forgetting)}`,
          title: `Gain on ${gain.task} against forgetting on ${forgetting.task}`,
          description: `One point an arm; the best place is up and to the left. ${series.map((s) => s.points[0]!.label).join('; ')}.`,
          x: {
            kind: 'number',
            label: `forgetting: ${metricName(forgetting)} against ${baseline}`,
            unit: forgetting.unit,
            scale: 'linear',
          },
          y: {
            kind: 'number',
            label: `gain: ${metricName(gain)} against ${baseline}`,
            unit: gain.unit,
            scale: 'linear',
          },
          series,
          guides: [
            { axis: 'x', at: 0, label: 'nothing forgotten' },
            { axis: 'y', at: 0, label: 'nothing learned' },
          ],
          note: 'Bars: 95 % intervals. Up and to the left is better.',
        },
      ];
    });
}

function gainPoint(arm: string, gain: Contrast | undefined, forgetting: Contrast | undefined): ChartPoint | undefined {
  if (gain?.effect === undefined || forgetting?.effect === undefined) return undefined;
  return {
    x: forgetting.effect,
    y: gain.effect,
    ...(forgetting.interval && { xInterval: forgetting.interval }),
    ...(gain.interval && { yInterval: gain.interval }),
    label: `${arm}: gain ${formatEffect(gain.effect)}, forgetting ${formatEffect(forgetting.effect)}`,
  };
}

/** The subject against every other arm on one metric: the interval of the verdict, and those of documents and seeds alone. */
function differenceCharts(comparison: Comparison): Chart[] {
  const { metrics, subject } = comparison;
  const all = subjectContrasts(comparison);
  return metrics.flatMap((metric): Chart[] => {
    const contrasts = all.filter((c) => c.task === metric.task && c.metric === metric.metric && c.interval);
    if (contrasts.length === 0) return [];
    const joint = contrasts.some((c) => c.seeds.length >= minimumSeeds);
    const interval = (
      name: string,
      style: number,
      of: (c: Contrast) => Contrast['documentInterval'],
    ): ChartSeries[] => {
      const points = contrasts.flatMap((c, y): ChartPoint[] => {
        const found = of(c);
        const label = `${subject} against ${c.against}, ${name}: ${formatEffect(c.effect)} ${found ? formatInterval(found) : ''}`;
        return found ? [{ x: c.effect!, y, xInterval: found, label }] : [];
      });
      return points.length > 0 ? [{ name, style, line: false, points }] : [];
    };
    return [
      {
        id: `differences-${slug(metric)}`,
        title: `${subject} against each arm: ${metricName(metric)}`,
        description: contrasts.map(contrastSentence).join(' '),
        x: {
          kind: 'number',
          label: `${roleNames[metric.role]} (${signRules[metric.role]})`,
          unit: metric.unit,
          scale: 'linear',
        },
        y: { kind: 'category', label: `${subject} against`, categories: contrasts.map((c) => c.against) },
        series: [
          ...interval(joint ? 'over documents and seeds' : 'over documents', 0, (c) => c.interval),
          ...interval('over documents alone', 1, (c) =>
            c.seeds.length < minimumSeeds ? undefined : c.documentInterval,
          ),
          ...interval('over seeds alone', 2, (c) => c.seedInterval),
        ],
        guides: [{ axis: 'x', at: 0, label: 'no difference' }],
        note: 'Bars: 95 % intervals of the paired difference.',
      },
    ];
  });
}

/** Curves of several arms, with the range over seeds as a band. */
function curveSeries(comparison: Comparison, curves: readonly Curve[]): ChartSeries[] {
  return curves.map(({ arm, seeds, points }) => ({
    name: arm,
    style: styleIndex(comparison, arm),
    line: true,
    points: points.map((p) => ({ x: p.step, y: p.mean, label: `${arm}, step ${p.step}: ${p.mean.toPrecision(4)}` })),
    ...(seeds > 1 && { band: points.map(({ step, low, high }) => ({ x: step, low, high })) }),
  }));
}

function curveNote(curves: readonly Curve[]): string {
  const several = curves.some((c) => c.seeds > 1);
  const stride = Math.max(...curves.map((c) => c.stride));
  return [
    several ? 'Lines: mean over seeds; bands: smallest to largest seed.' : 'One seed; there is no band.',
    ...(stride > 1 ? [`Each point is the mean of up to ${stride} steps.`] : []),
  ].join(' ');
}

function ends(curves: readonly Curve[]): string {
  const phrase = ({ arm, points }: Curve) =>
    `${arm} from ${points[0]!.mean.toPrecision(3)} to ${points.at(-1)!.mean.toPrecision(3)}`;
  return curves.map(phrase).join(', ');
}

function lossChart(comparison: Comparison): Chart[] {
  const curves = comparison.lossCurves.filter((c) => c.points.length > 1);
  if (curves.length === 0) return [];
  return [
    {
      id: 'training-loss',
      title: 'Training loss',
      description: `Cross-entropy by optimizer step: ${ends(curves)}.`,
      x: { kind: 'number', label: 'optimizer steps', unit: 'steps', scale: 'linear' },
      y: { kind: 'number', label: 'loss, nats per target', unit: 'nats', scale: 'linear' },
      series: curveSeries(comparison, curves),
      guides: [],
      note: curveNote(curves),
    },
  ];
}

function scoreCharts(comparison: Comparison): Chart[] {
  return comparison.scoreCurves.map(({ task, metric, curves }): Chart => {
    const compared = comparison.metrics.find((m) => m.task === task && m.metric === metric)!;
    return {
      id: `during-training-${slug(compared)}`,
      title: `${metricName(compared)} during training`,
      description: `By optimizer step, step 0 after surgery: ${ends(curves)}.`,
      x: { kind: 'number', label: 'optimizer steps', unit: 'steps', scale: 'linear' },
      y: { kind: 'number', label: metricName(compared), unit: compared.unit, scale: 'linear' },
      series: curveSeries(comparison, curves),
      guides: [],
      note: curveNote(curves),
    };
  });
}
