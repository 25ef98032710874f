import type { Chart as ChartJs, Plugin, Scale } from 'chart.js';
import { symbol } from 'd3-shape';
import type { ChartPoint } from '../../src/report/chart.ts';
import { styleOf } from '../../src/report/palette.ts';
import { markers } from '../../src/report/svg.ts';
import { decimate } from '../model/decimate.ts';
import type { DrawnChart, DrawnSeries } from '../model/drawn.ts';
import { seriesColour, type Theme } from './theme.ts';

/** What is drawn, and how. */
export interface Scene {
  chart: DrawnChart;
  theme: Theme;
  /** Series that is looked at; the others step back. */
  highlight?: string;
}

/** Whether a series steps back because another one is looked at. */
export function isQuiet({ chart, highlight }: Scene, series: DrawnSeries): boolean {
  return highlight !== undefined && series.name !== highlight && chart.series.some((s) => s.name === highlight);
}

/** Series that share a category stand beside each other, as in the exported picture. */
export function dodge({ y, series }: DrawnChart, index: number): number {
  return y.kind === 'category' ? (index - (series.length - 1) / 2) * 12 : 0;
}

interface Pen {
  canvas: CanvasRenderingContext2D;
  x(value: number): number;
  y(value: number): number;
  area: ChartJs['chartArea'];
}

/** From values to pixels; on a linear axis without asking the scale each time. */
function pixels(scale: Scale): (value: number) => number {
  if (scale.type !== 'linear') return (value) => scale.getPixelForValue(value);
  const start = scale.getPixelForValue(scale.min);
  const step = (scale.getPixelForValue(scale.max) - start) / (scale.max - scale.min);
  return (value) => start + (value - scale.min) * step;
}

/** Everything between the axes, cut to the plot: guides, bands, lines, then intervals and markers. */
export function marks(scene: () => Scene | undefined): Plugin<'line'> {
  return {
    id: 'strata-marks',
    beforeDatasetsDraw({ ctx: canvas, chartArea: area, scales }) {
      const now = scene();
      const { x, y } = scales;
      if (!now || !x || !y) return;
      const pen: Pen = { canvas, area, x: pixels(x), y: pixels(y) };
      const { series } = now.chart;
      canvas.save();
      canvas.beginPath();
      canvas.rect(area.left - 6, area.top - 6, area.width + 12, area.height + 12);
      canvas.clip();
      drawGuides(pen, now);
      for (const s of series) drawBand(pen, now, s);
      for (const s of series) drawLines(pen, now, s, [x.min, x.max]);
      for (const [i, s] of series.entries()) drawPoints(pen, now, s, dodge(now.chart, i));
      canvas.restore();
    },
  };
}

function drawGuides({ canvas, area, x, y }: Pen, { chart, theme }: Scene): void {
  canvas.strokeStyle = theme.guide;
  canvas.lineWidth = 1;
  canvas.setLineDash([3, 3]);
  for (const { axis, at } of chart.guides) {
    canvas.beginPath();
    if (axis === 'x') {
      canvas.moveTo(x(at), area.top);
      canvas.lineTo(x(at), area.bottom);
    } else {
      canvas.moveTo(area.left, y(at));
      canvas.lineTo(area.right, y(at));
    }
    canvas.stroke();
  }
  canvas.setLineDash([]);
}

function drawBand({ canvas, x, y }: Pen, scene: Scene, series: DrawnSeries): void {
  const { band } = series;
  if (!band || band.length < 2) return;
  canvas.beginPath();
  for (const b of band) canvas.lineTo(x(b.x), y(b.high));
  for (const b of band.toReversed()) canvas.lineTo(x(b.x), y(b.low));
  canvas.closePath();
  canvas.globalAlpha = isQuiet(scene, series) ? 0.05 : 0.18;
  canvas.fillStyle = seriesColour(series.style, scene.theme);
  canvas.fill();
  canvas.globalAlpha = 1;
}

/** The line, and faint behind it what it was before smoothing. */
function drawLines(pen: Pen, scene: Scene, series: DrawnSeries, range: [number, number]): void {
  if (!series.line) return;
  const { canvas } = pen;
  const { highContrast } = scene.theme;
  const quiet = isQuiet(scene, series) ? 0.3 : 1;
  canvas.strokeStyle = seriesColour(series.style, scene.theme);
  canvas.lineJoin = 'round';
  const stroke = (points: readonly ChartPoint[], width: number, opacity: number, dash: number[]) => {
    canvas.lineWidth = width;
    canvas.globalAlpha = opacity * quiet;
    canvas.setLineDash(dash);
    canvas.beginPath();
    for (const p of visible(pen, scene, points, range)) canvas.lineTo(pen.x(p.x), pen.y(p.y));
    canvas.stroke();
  };
  if (series.raw) stroke(series.raw, 1, highContrast ? 0.45 : 0.28, []);
  stroke(series.points, highContrast ? 2.5 : 2, 1, styleOf(series.style).dash.split(' ').filter(Boolean).map(Number));
  canvas.setLineDash([]);
  canvas.globalAlpha = 1;
}

/** A smallest and a largest value for every two pixels: what is left out cannot be seen. */
function visible({ area }: Pen, { chart }: Scene, points: readonly ChartPoint[], range: [number, number]) {
  if (chart.x.kind === 'number' && chart.x.scale === 'log') return points;
  return decimate(points, range, Math.max(50, area.width / 2));
}

/** Long lines carry a few markers only, so that the shapes can be told apart without hiding the line. */
const marksOfLine = 8;

function drawPoints({ canvas, x, y }: Pen, scene: Scene, series: DrawnSeries, shift: number): void {
  const { points, line, style } = series;
  canvas.globalAlpha = isQuiet(scene, series) ? 0.3 : 1;
  canvas.strokeStyle = canvas.fillStyle = seriesColour(style, scene.theme);
  canvas.lineWidth = scene.theme.highContrast ? 2 : 1.5;
  const shape = symbol(markers[styleOf(style).marker], line ? 40 : 70).context(canvas);
  const every = line ? Math.max(1, Math.ceil(points.length / marksOfLine)) : 1;
  const mark = (p: ChartPoint): void => {
    canvas.save();
    canvas.translate(x(p.x), y(p.y) + shift);
    canvas.beginPath();
    shape();
    canvas.fill();
    canvas.restore();
  };
  // A long line has intervals from its first point on, or none.
  if (!line || hasInterval(points[0]) || hasInterval(points.at(-1)))
    for (const p of points) drawIntervals(canvas, p.xInterval, p.yInterval, x, y, [x(p.x), y(p.y) + shift]);
  for (let i = 0; i < points.length - 1; i += every) mark(points[i]!);
  const last = points.at(-1);
  if (last) mark(last);
  canvas.globalAlpha = 1;
}

const hasInterval = (p: ChartPoint | undefined): boolean => p?.xInterval !== undefined || p?.yInterval !== undefined;

type Ends = { low: number; high: number } | undefined;

function drawIntervals(
  canvas: CanvasRenderingContext2D,
  across: Ends,
  along: Ends,
  x: Pen['x'],
  y: Pen['y'],
  [px, py]: readonly [number, number],
): void {
  canvas.beginPath();
  if (across) {
    canvas.moveTo(x(across.low), py);
    canvas.lineTo(x(across.high), py);
  }
  if (along) {
    canvas.moveTo(px, y(along.low));
    canvas.lineTo(px, y(along.high));
  }
  canvas.stroke();
}
