import { firstFrom } from './decimate.ts';
import type { DrawnChart, DrawnSeries } from './drawn.ts';

export type Range = [number, number];

/** The range of an axis: all that is drawn, with a margin, or what is zoomed into. y follows what is visible of x. */
export function axisRange(axis: 'x' | 'y', chart: DrawnChart): Range {
  const own = chart[axis];
  if (own.kind === 'category') return [-0.5, own.categories.length - 0.5];
  if (axis === 'x' && chart.zoom) return chart.zoom.x;
  if (axis === 'y' && chart.zoom?.y) return chart.zoom.y;
  const visible = axis === 'y' && chart.curves ? chart.zoom?.x : undefined;
  const range: Range = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const add = (value: number) => {
    if (!Number.isFinite(value)) return;
    if (value < range[0]) range[0] = value;
    if (value > range[1]) range[1] = value;
  };
  // Points of curves stand by increasing x: their ends say how far they reach.
  if (axis === 'x' && chart.curves)
    for (const { points } of chart.series) for (const p of [points[0], points.at(-1)]) add(p?.x ?? Number.NaN);
  else for (const series of chart.series) addSeries(series, axis, visible, add);
  if (own.scale === 'linear') for (const guide of chart.guides) if (guide.axis === axis) add(guide.at);
  return padded(range, own.scale === 'log', axis === 'x' && chart.curves);
}

function addSeries(series: DrawnSeries, axis: 'x' | 'y', visible: Range | undefined, add: (value: number) => void) {
  const interval = axis === 'x' ? 'xInterval' : 'yInterval';
  for (const points of [series.points, series.raw ?? []]) {
    // One point beyond each edge: the line to it is visible.
    for (let i = visible ? Math.max(0, firstFrom(points, visible[0]) - 1) : 0; i < points.length; i++) {
      const p = points[i]!;
      add(p[axis]);
      if (p[interval]) {
        add(p[interval].low);
        add(p[interval].high);
      }
      if (visible && p.x > visible[1]) break;
    }
  }
  if (axis === 'x') return;
  for (const b of series.band ?? []) {
    if (visible && (b.x < visible[0] || b.x > visible[1])) continue;
    add(b.low);
    add(b.high);
  }
}

/** With room around it; curves end where they end. */
function padded([low, high]: Range, log: boolean, tight: boolean): Range {
  if (low > high) return log ? [0.1, 1] : [0, 1];
  if (log) return low === high ? [low / 2, high * 2] : tight ? [low, high] : [low / 1.1, high * 1.1];
  const spread = high - low || Math.abs(high) || 1;
  const margin = tight && high > low ? 0 : 0.06 * spread;
  return [low - margin, high + margin];
}
