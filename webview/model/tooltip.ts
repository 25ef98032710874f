import { formatCount, formatValue } from '../../src/report/words.ts';
import { firstFrom } from './decimate.ts';
import type { DrawnChart, DrawnSeries } from './drawn.ts';

export interface TooltipRow {
  name: string;
  style: number;
  value: string;
}
export interface TooltipSection {
  chart: string;
  title: string;
  rows: TooltipRow[];
}
export interface Tooltip {
  /** `step 120`, or the point's own sentence. */
  heading: string;
  sections: TooltipSection[];
}

/** Index of the point nearest to x; undefined in an empty series. Points by increasing x. */
export function nearestIndex(points: readonly { x: number }[], x: number): number | undefined {
  if (points.length === 0) return undefined;
  const after = Math.min(firstFrom(points, x), points.length - 1);
  const before = Math.max(0, after - 1);
  return Math.abs(points[before]!.x - x) <= Math.abs(points[after]!.x - x) ? before : after;
}

/** The recorded x nearest to a place, over all series of a chart. */
export function nearestX({ series }: Pick<DrawnChart, 'series'>, x: number): number | undefined {
  const found = series.flatMap((s) => {
    const index = nearestIndex(s.points, x);
    return index === undefined ? [] : [s.points[index]!.x];
  });
  return found.sort((a, b) => Math.abs(a - x) - Math.abs(b - x))[0];
}

/** The next recorded x in a direction, for the keyboard. */
export function stepX({ series }: Pick<DrawnChart, 'series'>, x: number, direction: 1 | -1): number {
  const candidates = series.flatMap(({ points }) => {
    const at = firstFrom(points, x);
    const index = direction < 0 ? at - 1 : points[at]?.x === x ? at + 1 : at;
    const point = points[index];
    return point ? [point.x] : [];
  });
  if (candidates.length === 0) return x;
  return direction > 0 ? Math.min(...candidates) : Math.max(...candidates);
}

/**
 * One table for all charts that share an x: the values there, largest first, a section a chart, the one that is pointed at
 * first. A series without a record within its own spacing says nothing.
 */
export function curvesTooltip(charts: readonly DrawnChart[], x: number, at: string): Tooltip {
  const ordered = [...charts].sort((a, b) => Number(b.id === at) - Number(a.id === at));
  const [first] = ordered;
  const unit = first?.x.kind === 'number' ? first.x.label : '';
  return {
    heading: `${unit} ${formatNumber(x)}`.trim(),
    sections: ordered.flatMap((chart) => {
      const rows = chart.series
        .flatMap((s) => valueAt(s, x) ?? [])
        .sort((a, b) => b.y - a.y)
        .map(({ y, series, range, raw, elsewhere }) => ({
          name: series.name,
          style: series.style,
          value: `${formatValue(y)}${raw === undefined ? '' : ` (recorded ${formatValue(raw)})`}${range}${elsewhere}`,
        }));
      return rows.length > 0 ? [{ chart: chart.id, title: chart.title, rows }] : [];
    }),
  };
}

const formatNumber = (x: number): string => (Number.isInteger(x) ? formatCount(x) : formatValue(x));

function valueAt(series: DrawnSeries, x: number) {
  const { points, band, raw } = series;
  const index = nearestIndex(points, x);
  if (index === undefined) return undefined;
  const point = points[index]!;
  const spacing = Math.max(
    index > 0 ? point.x - points[index - 1]!.x : 0,
    index + 1 < points.length ? points[index + 1]!.x - point.x : 0,
  );
  if (Math.abs(point.x - x) > spacing / 2 + 1e-9) return undefined;
  const seeds = band?.[index];
  const range = seeds && seeds.x === point.x ? ` [${formatValue(seeds.low)}, ${formatValue(seeds.high)}]` : '';
  const elsewhere = point.x === x ? '' : ` at ${formatNumber(point.x)}`;
  return { series, y: point.y, range, raw: raw?.[index]?.y, elsewhere };
}

/** For points: the one that is pointed at, in its own words. */
export function pointTooltip(chart: DrawnChart, seriesIndex: number, index: number): Tooltip | undefined {
  const series = chart.series[seriesIndex];
  const point = series?.points[index];
  if (!series || !point) return undefined;
  return {
    heading: chart.title,
    sections: [{ chart: chart.id, title: '', rows: [{ name: series.name, style: series.style, value: point.label }] }],
  };
}

/** The tooltip in one sentence, for those who hear it. */
export function spoken({ heading, sections }: Tooltip): string {
  const parts = sections.map(({ title, rows }) =>
    [title, rows.map((r) => `${r.name} ${r.value}`).join(', ')].filter(Boolean).join(': '),
  );
  return `${heading}. ${parts.join('. ')}.`;
}
