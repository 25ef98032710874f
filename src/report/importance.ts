import type { ImportanceRecord } from '../record/importance.ts';
import { kendallTau } from '../statistics/kendall.ts';
import type { Chart, ChartSeries } from './chart.ts';

/** How far two metrics rank the layers alike: Kendall's τ-b, 1 for the same order, −1 for the reverse. */
export interface Agreement {
  a: string;
  b: string;
  tau: number;
}

/** Of every pair of metrics; pairs of which one is the same for all layers have no τ and are left out. */
export function agreements(metrics: ImportanceRecord['metrics']): Agreement[] {
  const names = Object.keys(metrics);
  return names.flatMap((a, i) =>
    names.slice(i + 1).flatMap((b) => {
      const tau = kendallTau(metrics[a]!, metrics[b]!);
      return Number.isNaN(tau) ? [] : [{ a, b, tau }];
    }),
  );
}

/** How far the metrics agree, as a sentence; undefined where there are no two. */
export function agreementSentence(metrics: ImportanceRecord['metrics']): string | undefined {
  const pairs = agreements(metrics).map(({ a, b, tau }) => `${a} and ${b} ${tau.toFixed(2)}`);
  return pairs.length === 0 ? undefined : `Agreement of the rankings, Kendall's τ: ${pairs.join(', ')}.`;
}

/** A measurement of one model, with the name that it has in a chart: a checkpoint, a size, before or after training. */
export interface NamedImportance {
  name: string;
  importance: ImportanceRecord;
  /** Row of `seriesStyles`; by its place otherwise. */
  style?: number;
}

/**
 * Importance by layer: the metrics of the first model side by side, then each metric that several models have, all of them in one
 * chart. Metrics have different units, so side by side each is drawn as a share of its own largest layer; the labels say the
 * values. Models of different depth lie over each other by relative depth.
 */
export function importanceCharts(measured: readonly NamedImportance[]): Chart[] {
  const metrics = [...new Set(measured.flatMap(({ importance }) => Object.keys(importance.metrics)))];
  const having = (metric: string) => measured.filter(({ importance }) => importance.metrics[metric]);
  const [first] = measured;
  return [
    ...(first ? sideBySide(first, measured.length > 1 ? ` of ${first.name}` : '') : []),
    ...metrics.flatMap((metric) => (having(metric).length > 1 ? [acrossModels(having(metric), metric)] : [])),
  ];
}

const bars = 'Bars: 95 % interval over documents.';

function sideBySide({ importance }: NamedImportance, of: string): Chart[] {
  const { corpus, tokens, layers } = importance;
  const metrics = Object.keys(importance.metrics);
  if (metrics.length === 0) return [];
  const series = metrics.map((metric, i) => {
    const largest = Math.max(...importance.metrics[metric]!.map(Math.abs)) || 1;
    return layerSeries(
      metric,
      i + 1,
      importance,
      metric,
      (layer) => layer,
      (value) => value / largest,
    );
  });
  const agreement = agreementSentence(importance.metrics);
  return [
    {
      id: 'importance',
      title: `Importance by layer${of}`,
      description: [
        `${layers} layers on ${tokens} tokens of ${corpus}.`,
        ...metrics.map((m) => peak(importance, m)),
        ...(agreement === undefined ? [] : [agreement]),
      ].join(' '),
      x: { kind: 'number', label: 'layer', unit: 'layers', scale: 'linear' },
      y: { kind: 'number', label: 'importance, share of the largest layer', unit: 'share', scale: 'linear' },
      series,
      guides: [{ axis: 'y', at: 0, label: 'no loss' }],
      note: agreement === undefined ? bars : `${bars} ${agreement}`,
    },
  ];
}

function acrossModels(present: readonly NamedImportance[], metric: string): Chart {
  const same = new Set(present.map(({ importance }) => importance.layers)).size === 1;
  const series = present.map(({ name, importance, style }, i) => {
    const place = (layer: number) => (same ? layer : layer / Math.max(1, importance.layers - 1));
    return layerSeries(name, style ?? i + 1, importance, metric, place, (value) => value);
  });
  const unit = importanceUnits[metric];
  const kept = same ? keptRanking(present, metric) : undefined;
  return {
    id: `importance-${metric}`,
    title: `Importance by layer: ${metric}`,
    description: [
      ...present.map(({ name, importance }) => `${name}: ${peak(importance, metric)}`),
      ...(kept === undefined ? [] : [kept]),
    ].join(' '),
    x: same
      ? { kind: 'number', label: 'layer', unit: 'layers', scale: 'linear' }
      : { kind: 'number', label: 'depth, from the first layer (0) to the last (1)', unit: 'share', scale: 'linear' },
    y: { kind: 'number', label: unit === undefined ? metric : `${metric}, ${unit}`, unit: unit ?? '', scale: 'linear' },
    series,
    guides: [{ axis: 'y', at: 0, label: 'no loss' }],
    note: kept === undefined ? bars : `${bars} ${kept}`,
  };
}

/** How far the other models rank the layers as the first does; undefined where no τ can be told. */
function keptRanking([first, ...others]: readonly NamedImportance[], metric: string): string | undefined {
  const found = others.flatMap(({ name, importance }) => {
    const tau = kendallTau(first!.importance.metrics[metric]!, importance.metrics[metric]!);
    return Number.isNaN(tau) ? [] : [`${name} ${tau.toFixed(2)}`];
  });
  return found.length === 0
    ? undefined
    : `Agreement with the ranking of ${first!.name}, Kendall's τ: ${found.join(', ')}.`;
}

/** Angular distance and influence have none. */
export const importanceUnits: Partial<Record<string, string>> = {
  removal: 'nats per token',
  duplication: 'nats per token',
};

function peak({ metrics }: ImportanceRecord, metric: string): string {
  const values = metrics[metric]!;
  const at = (value: number) => `layer ${values.indexOf(value)} (${value.toPrecision(3)})`;
  return `${metric} is largest at ${at(Math.max(...values))} and smallest at ${at(Math.min(...values))}.`;
}

function layerSeries(
  name: string,
  style: number,
  { metrics, intervals }: ImportanceRecord,
  metric: string,
  place: (layer: number) => number,
  scaled: (value: number) => number,
): ChartSeries {
  return {
    name,
    style,
    line: true,
    points: metrics[metric]!.map((value, layer) => {
      const interval = intervals[metric]?.[layer];
      const range = interval ? ` [${interval[0].toPrecision(3)}, ${interval[1].toPrecision(3)}]` : '';
      return {
        x: place(layer),
        y: scaled(value),
        ...(interval && { yInterval: { low: scaled(interval[0]), high: scaled(interval[1]) } }),
        label: `${name}, layer ${layer}: ${metric} ${value.toPrecision(4)}${range}`,
      };
    }),
  };
}
