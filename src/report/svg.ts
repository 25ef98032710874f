import { scaleLinear, scaleLog } from 'd3-scale';
import {
  area,
  line,
  type SymbolType,
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
  symbolWye,
} from 'd3-shape';
import type { Axis, Chart, ChartPoint, ChartSeries } from './chart.ts';
import { element, escapeMarkup } from './markup.ts';
import { type Marker, seriesStyles, styleOf } from './palette.ts';

export interface SvgOptions {
  width?: number;
  /** Leave out when the page has `chartStyle` already. */
  style?: boolean;
}

/** The shapes of `palette.ts`, for every view that draws them. */
export const markers: Record<Marker, SymbolType> = {
  circle: symbolCircle,
  square: symbolSquare,
  triangle: symbolTriangle,
  diamond: symbolDiamond,
  cross: symbolCross,
  star: symbolStar,
  wye: symbolWye,
};

const seriesRules = (theme: 'light' | 'dark') =>
  seriesStyles.map((s, i) => `.strata-chart .s${i}{color:${s[theme]}}`).join('');

/** Rules for every chart, light and dark. Everything is drawn in `currentColor`, so that a page may set its own. */
export const chartStyle = `.strata-chart{color:#24292f;font:12px system-ui,-apple-system,"Segoe UI",sans-serif}
.strata-chart text{fill:currentColor}.strata-chart .title{font-weight:600;font-size:14px}
.strata-chart .quiet{opacity:.75}.strata-chart .grid{stroke:currentColor;opacity:.14}
.strata-chart .guide{stroke:currentColor;opacity:.55;stroke-dasharray:3 3}
.strata-chart .line{fill:none;stroke:currentColor;stroke-width:2}
.strata-chart .bar{stroke:currentColor;stroke-width:1.5}.strata-chart .band{fill:currentColor;opacity:.16}
.strata-chart .mark{fill:currentColor}
${seriesRules('light')}
@media (prefers-color-scheme:dark){.strata-chart{color:#d4d4d4}${seriesRules('dark')}}`;

/** A number axis or a list of categories, mapped onto pixels. */
interface Scale {
  (value: number): number;
  ticks: { at: number; label: string }[];
}

/** `tight`: the axis ends where the values end. */
function scaleFor(axis: Axis, values: readonly number[], range: [number, number], ticks: number, tight = false): Scale {
  if (axis.kind === 'category') {
    const step = (range[1] - range[0]) / axis.categories.length;
    const place = (i: number) => range[0] + step * (i + 0.5);
    return Object.assign(place, { ticks: axis.categories.map((label, at) => ({ at, label })) });
  }
  const low = Math.min(...values);
  const high = Math.max(...values);
  const spread = high - low || Math.abs(high) || 1;
  const log = axis.scale === 'log' && low > 0;
  const margin = log || tight ? 0 : 0.04 * spread;
  const scale = (log ? scaleLog() : scaleLinear()).domain([low - margin, high + margin]).range(range);
  if (!tight) scale.nice();
  const format = scale.tickFormat(ticks);
  return Object.assign((value: number) => scale(value), {
    // d3 writes a true minus sign, which not every font has.
    ticks: scale.ticks(ticks).map((at) => ({ at, label: format(at).replace('−', '-') })),
  });
}

const ofAxis = (axis: 'x' | 'y') => (s: ChartSeries) => {
  const points = s.points.flatMap((p) => {
    const interval = axis === 'x' ? p.xInterval : p.yInterval;
    return [p[axis], ...(interval ? [interval.low, interval.high] : [])];
  });
  const band = (s.band ?? []).flatMap((b) => (axis === 'x' ? [b.x] : [b.low, b.high]));
  return [...points, ...band].filter(Number.isFinite);
};

function valuesOf(chart: Chart, axis: 'x' | 'y'): number[] {
  const guides = chart.guides.filter((g) => g.axis === axis).map((g) => g.at);
  return [...chart.series.flatMap(ofAxis(axis)), ...guides];
}

interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
  x: Scale;
  y: Scale;
}

const rowHeight = 40;

/** Room at the right for the longest name. */
function legendWidth({ series }: Chart): number {
  return 52 + 7 * Math.max(0, ...series.map((s) => s.name.length));
}

/** Height of a chart at any width. */
export function chartHeight({ y }: Chart): number {
  return y.kind === 'category' ? 120 + rowHeight * y.categories.length : 380;
}

/** One chart as an SVG document: text stays text, `<title>` and `<desc>` are read out, no script, no fonts of its own. */
export function chartSvg(chart: Chart, { width = 680, style = true }: SvgOptions = {}): string {
  const height = chartHeight(chart);
  const categories = chart.y.kind === 'category' ? chart.y.categories : [];
  const left = chart.y.kind === 'category' ? 24 + 7 * Math.max(...categories.map((c) => c.length)) : 64;
  const box = { left, right: width - legendWidth(chart), top: 36, bottom: height - 68 };
  const frame: Frame = {
    ...box,
    x: scaleFor(
      chart.x,
      valuesOf(chart, 'x'),
      [box.left, box.right],
      7,
      chart.series.every((s) => s.line),
    ),
    y:
      chart.y.kind === 'category'
        ? scaleFor(chart.y, [], [box.top, box.bottom], 0)
        : scaleFor(chart.y, valuesOf(chart, 'y'), [box.bottom, box.top], 6),
  };
  const titleId = `${chart.id}-title`;
  const content = [
    element('title', { id: titleId }, escapeMarkup(chart.title)),
    element('desc', { id: `${chart.id}-description` }, escapeMarkup(chart.description)),
    style ? element('style', {}, chartStyle) : '',
    element('text', { x: 8, y: 20, class: 'title' }, escapeMarkup(chart.title)),
    ...axes(chart, frame, height),
    ...guides(chart, frame),
    ...chart.series.map((s, i) => drawSeries(s, frame, dodge(chart, i))),
    legend(chart.series, box.right + 16, box.top + 8),
    element('text', { x: 8, y: height - 10, class: 'quiet' }, escapeMarkup(chart.note)),
  ];
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      class: 'strata-chart',
      role: 'img',
      'aria-labelledby': titleId,
      'aria-describedby': `${chart.id}-description`,
    },
    `\n${content.filter(Boolean).join('\n')}\n`,
  );
}

/** Series that share a category stand beside each other. */
function dodge(chart: Chart, index: number): number {
  return chart.y.kind === 'category' ? (index - (chart.series.length - 1) / 2) * 12 : 0;
}

function axes(chart: Chart, { left, right, top, bottom, x, y }: Frame, height: number): string[] {
  const horizontal = y.ticks.flatMap(({ at, label }) => [
    element('line', { x1: left, x2: right, y1: y(at), y2: y(at), class: 'grid' }),
    element('text', { x: left - 8, y: y(at) + 4, 'text-anchor': 'end' }, escapeMarkup(label)),
  ]);
  const vertical = x.ticks.flatMap(({ at, label }) => [
    element('line', { x1: x(at), x2: x(at), y1: top, y2: bottom, class: 'grid' }),
    element('text', { x: x(at), y: bottom + 18, 'text-anchor': 'middle' }, escapeMarkup(label)),
  ]);
  const names = [
    element('text', { x: (left + right) / 2, y: height - 32, 'text-anchor': 'middle' }, escapeMarkup(chart.x.label)),
    chart.y.kind === 'category'
      ? ''
      : element(
          'text',
          { transform: `translate(16 ${(top + bottom) / 2}) rotate(-90)`, 'text-anchor': 'middle' },
          escapeMarkup(chart.y.label),
        ),
  ];
  return [...horizontal, ...vertical, ...names];
}

function guides(chart: Chart, { left, right, top, bottom, x, y }: Frame): string[] {
  return chart.guides.map(({ axis, at, label }) => {
    const place =
      axis === 'x' ? { x1: x(at), x2: x(at), y1: top, y2: bottom } : { x1: left, x2: right, y1: y(at), y2: y(at) };
    return element('line', { ...place, class: 'guide' }, element('title', {}, escapeMarkup(label)));
  });
}

const marker = (style: number, size = 70): string => symbol(markers[styleOf(style).marker], size).digits(2)() ?? '';

function drawSeries(series: ChartSeries, frame: Frame, shift: number): string {
  const { x, y } = frame;
  const place = (p: ChartPoint): [number, number] => [x(p.x), y(p.y) + shift];
  const parts: string[] = [];
  if (series.band) {
    const shape = area<{ x: number; low: number; high: number }>()
      .x((b) => x(b.x))
      .y0((b) => y(b.low))
      .y1((b) => y(b.high))
      .digits(2);
    parts.push(element('path', { class: 'band', d: shape(series.band) ?? '' }));
  }
  if (series.line) {
    const path = line<ChartPoint>(
      (p) => place(p)[0],
      (p) => place(p)[1],
    ).digits(2);
    const dash = styleOf(series.style).dash;
    parts.push(element('path', { class: 'line', d: path(series.points) ?? '', 'stroke-dasharray': dash || undefined }));
  }
  for (const p of series.points) parts.push(...intervalBars(p, frame, shift));
  // Marks on every point of a long line would hide it; a few of them keep the shapes readable.
  const every = series.line ? Math.max(1, Math.ceil(series.points.length / 8)) : 1;
  for (const [i, p] of series.points.entries()) {
    if (i % every !== 0 && i !== series.points.length - 1) continue;
    const [px, py] = place(p).map((v) => Math.round(v * 100) / 100);
    parts.push(
      element(
        'path',
        { class: 'mark', d: marker(series.style, series.line ? 40 : 70), transform: `translate(${px} ${py})` },
        element('title', {}, escapeMarkup(p.label)),
      ),
    );
  }
  return element('g', { class: `s${series.style % seriesStyles.length}` }, parts.join(''));
}

function intervalBars(p: ChartPoint, { x, y }: Frame, shift: number): string[] {
  const [px, py] = [x(p.x), y(p.y) + shift];
  const bars: string[] = [];
  if (p.xInterval)
    bars.push(element('line', { class: 'bar', x1: x(p.xInterval.low), x2: x(p.xInterval.high), y1: py, y2: py }));
  if (p.yInterval)
    bars.push(element('line', { class: 'bar', x1: px, x2: px, y1: y(p.yInterval.low), y2: y(p.yInterval.high) }));
  return bars;
}

function legend(series: readonly ChartSeries[], left: number, top: number): string {
  const entries = series.map((s, i) => {
    const dash = styleOf(s.style).dash;
    const parts = [
      s.line
        ? element('line', { class: 'line', x1: -12, x2: 12, y1: 0, y2: 0, 'stroke-dasharray': dash || undefined })
        : '',
      element('path', { class: 'mark', d: marker(s.style, 50) }),
    ];
    return element(
      'g',
      { transform: `translate(${left + 12} ${top + 20 * i})` },
      element('g', { class: `s${s.style % seriesStyles.length}` }, parts.join('')) +
        element('text', { x: 20, y: 4 }, escapeMarkup(s.name)),
    );
  });
  return entries.join('\n');
}

/** Several charts below each other in one SVG document. */
export function sheetSvg(charts: readonly Chart[], { width = 680 }: SvgOptions = {}): string {
  const margin = 16;
  let y = 0;
  const parts = charts.map((chart) => {
    const inner = chartSvg(chart, { width, style: false }).replace('<svg ', `<svg y="${y}" `);
    y += chartHeight(chart) + margin;
    return inner;
  });
  const height = Math.max(margin, y - margin);
  return element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height },
    `\n${element('style', {}, chartStyle)}\n${parts.join('\n')}\n`,
  );
}
