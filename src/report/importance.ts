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

/** A measurement of one model, with the name that it has in a chart: a checkpoint, a size, before or after training. */
export interface NamedImportance {
  name: string;
  importance: ImportanceRecord;
}

/**
 * Importance by layer, metrics side by side or several models in one chart. Metrics have different units, so each is drawn as a
 * share of its own largest layer; the labels say the values. Models of different depth lie over each other by relative depth.
 */
export function importanceCharts(measured: readonly NamedImportance[]): Chart[] {
  const [first, ...others] = measured;
  if (!first) return [];
  const metrics = Object.keys(first.importance.metrics);
  if (metrics.length === 0) return [];
  if (others.length === 0) return [sideBySide(first, metrics)];
  return metrics.map((metric) => acrossModels(measured, metric));
}

function sideBySide({ importance }: NamedImportance, metrics: readonly string[]): Chart {
  const { corpus, tokens, layers } = importance;
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
  const pairs = agreements(importance.metrics).map(({ a, b, tau }) => `${a} and ${b} ${tau.toFixed(2)}`);
  return {
    id: 'importance',
    title: 'Importance by layer',
    description: `${layers} layers on ${tokens} tokens of ${corpus}. ${metrics.map((m) => peak(importance, m)).join(' ')}${pairs.length > 0 ? ` Kendall's τ between the metrics: ${pairs.join(', ')}.` : ''}`,
    x: { kind: 'number', label: 'layer', unit: 'layers', scale: 'linear' },
    y: { kind: 'number', label: 'importance, share of the largest layer', unit: 'share', scale: 'linear' },
    series,
    guides: [{ axis: 'y', at: 0, label: 'no loss' }],
    note: 'Bars: 95 % interval over documents.',
  };
}

function acrossModels(measured: readonly NamedImportance[], metric: string): Chart {
  const same = new Set(measured.map(({ importance }) => importance.layers)).size === 1;
  const present = measured.filter(({ importance }) => importance.metrics[metric]);
  const series = present.map(({ name, importance }, i) => {
    const place = (layer: number) => (same ? layer : layer / Math.max(1, importance.layers - 1));
    return layerSeries(name, i + 1, importance, metric, place, (value) => value);
  });
  return {
    id: `importance-${metric}`,
    title: `Importance by layer: ${metric}`,
    description: present.map(({ name, importance }) => `${name}: ${peak(importance, metric)}`).join(' '),
    x: same
      ? { kind: 'number', label: 'layer', unit: 'layers', scale: 'linear' }
      : { kind: 'number', label: 'depth, from the first layer (0) to the last (1)', unit: 'share', scale: 'linear' },
    y: { kind: 'number', label: metric, unit: importanceUnits[metric] ?? '', scale: 'linear' },
    series,
    guides: [{ axis: 'y', at: 0, label: 'no loss' }],
    note: 'Bars: 95 % interval over documents.',
  };
}

/** Angular distance and influence have none. */
export const importanceUnits: Record<string, string> = { removal: 'nats per token', duplication: 'nats per token' };

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
