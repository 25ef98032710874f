import { t } from '../../src/base/translate.ts';
import type { PanelView, ZoomRange } from '../../src/protocol/panel.ts';
import type { Axis, Chart, ChartPoint, ChartSeries } from '../../src/report/chart.ts';
import { smooth } from './smooth.ts';

/** A series as it is drawn; a smoothed one keeps what it was made of. */
export interface DrawnSeries extends ChartSeries {
  raw?: ChartPoint[];
}

/** A chart as the view shows it. Exports and tables are made of this value too, so that they hold what is drawn. */
export interface DrawnChart extends Chart {
  series: DrawnSeries[];
  /** Charts of one group share their zoom and crosshair along x. */
  group: string;
  /** Whether its series are curves over a shared x. */
  curves: boolean;
  zoom?: ZoomRange;
}

export const isCurves = (chart: Chart): boolean => chart.series.length > 0 && chart.series.every((s) => s.line);

/** Only what was recorded one after another may be averaged over its neighbours; layers, say, may not. */
const isOverTime = (chart: Chart): boolean => isCurves(chart) && chart.x.kind === 'number' && chart.x.unit === 'steps';

/** Curves over the same quantity belong together; every other chart is its own group. */
export function groupOf(chart: Chart): string {
  return isCurves(chart) ? `curves over ${chart.x.label}` : chart.id;
}

export const logarithmicKey = (axis: 'x' | 'y', chart: Chart): string =>
  axis === 'x' ? `x:${groupOf(chart)}` : `y:${chart.id}`;

/** Why an axis cannot be logarithmic; undefined if it can. */
export function logarithmicRefusal(axis: 'x' | 'y', chart: Chart): string | undefined {
  if (chart[axis].kind === 'category') return t('The axis has names, not numbers.');
  if (!chart.series.some((s) => s.points.some((p) => p[axis] > 0))) return t('No value on this axis is above zero.');
  return undefined;
}

/** The chart with what the view chose: arms, smoothing, axes, zoom. `arms`: names of all arms, to tell them from other series. */
export function drawnChart(chart: Chart, view: PanelView, arms: ReadonlySet<string>): DrawnChart {
  const hidden = new Set(view.hidden.filter((arm) => arms.has(arm)));
  const curves = isCurves(chart);
  const group = groupOf(chart);
  const zoom = view.zoom[group];
  const shown = withoutCategories(chart, hidden);
  const series = shown.series.filter((s) => !hidden.has(s.name));
  const axes = { x: logarithmic('x', chart, view), y: logarithmic('y', chart, view) };
  const positive = series.map((s) => onLogarithmicAxes(s, axes));
  const lost = count(series) - count(positive);
  const smoothed = view.smoothing > 0 && isOverTime(chart);
  return {
    ...shown,
    x: withScale(shown.x, axes.x),
    y: withScale(shown.y, axes.y),
    series: smoothed ? positive.map((s) => smoothSeries(s, view.smoothing)) : positive,
    note: [
      shown.note,
      ...(smoothed ? [t('Smoothed with weight {0}.', view.smoothing)] : []),
      ...(lost > 0 ? [t('Not on a logarithmic axis, because at or below zero: {0}.', lost)] : []),
    ].join(' '),
    group,
    curves,
    ...(zoom && { zoom }),
  };
}

const count = (series: readonly ChartSeries[]): number => series.reduce((sum, s) => sum + s.points.length, 0);

function logarithmic(axis: 'x' | 'y', chart: Chart, view: PanelView): boolean {
  return (
    chart[axis].kind === 'number' &&
    view.logarithmic.includes(logarithmicKey(axis, chart)) &&
    logarithmicRefusal(axis, chart) === undefined
  );
}

function withScale(axis: Axis, log: boolean): Axis {
  return axis.kind === 'number' && log ? { ...axis, scale: 'log' } : axis;
}

/** Without what a logarithmic axis cannot show; intervals are cut at the smallest positive end. */
function onLogarithmicAxes(series: ChartSeries, axes: { x: boolean; y: boolean }): ChartSeries {
  if (!axes.x && !axes.y) return series;
  const fits = (x: number, y: number) => (!axes.x || x > 0) && (!axes.y || y > 0);
  const cut = (interval: ChartPoint['xInterval'], log: boolean, value: number) =>
    interval && log ? { ...interval, low: interval.low > 0 ? interval.low : value } : interval;
  const points = series.points
    .filter((p) => fits(p.x, p.y))
    .map((p) => ({ ...p, xInterval: cut(p.xInterval, axes.x, p.x), yInterval: cut(p.yInterval, axes.y, p.y) }));
  return {
    ...series,
    points,
    ...(series.band && { band: series.band.filter((b) => fits(b.x, b.low)) }),
  };
}

/** Rows of hidden arms are taken out and the others move up. */
function withoutCategories(chart: Chart, hidden: ReadonlySet<string>): Chart {
  const { y } = chart;
  if (y.kind !== 'category' || !y.categories.some((c) => hidden.has(c))) return chart;
  const kept = y.categories.flatMap((name, index) => (hidden.has(name) ? [] : [index]));
  const places = new Map(kept.map((index, place) => [index, place]));
  return {
    ...chart,
    y: { ...y, categories: kept.map((index) => y.categories[index]!) },
    series: chart.series.map((s) => ({
      ...s,
      points: s.points.flatMap((p) => (places.has(p.y) ? [{ ...p, y: places.get(p.y)! }] : [])),
    })),
  };
}

function smoothSeries(series: ChartSeries, weight: number): DrawnSeries {
  const values = smooth(
    series.points.map((p) => p.y),
    weight,
  );
  return { ...series, raw: series.points, points: series.points.map((p, i) => ({ ...p, y: values[i]! })) };
}

/** Cut to the visible range, for exports. */
export function inZoom(chart: DrawnChart): DrawnChart {
  const { zoom } = chart;
  if (!zoom) return chart;
  const inside = (value: number, range: readonly [number, number] | undefined) =>
    !range || (value >= range[0] && value <= range[1]);
  return {
    ...chart,
    series: chart.series.map((s) => ({
      ...s,
      points: s.points.filter((p) => inside(p.x, zoom.x) && inside(p.y, zoom.y)),
      ...(s.band && { band: s.band.filter((b) => inside(b.x, zoom.x)) }),
    })),
  };
}
