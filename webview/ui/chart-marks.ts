import type { Chart as ChartJs, Plugin } from 'chart.js';
import { symbol } from 'd3-shape';
import type { ChartPoint } from '../../src/report/chart.ts';
import { styleOf } from '../../src/report/palette.ts';
import { markers } from '../../src/report/svg.ts';
import type { DrawnChart, DrawnSeries } from '../model/drawn.ts';
import { seriesColour, type Theme } from './theme.ts';

/** What is drawn besides lines. */
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

/** Bands and guides behind the lines, intervals and markers before them, cut to the plot. */
export function marks(scene: () => Scene | undefined): Plugin<'line'> {
  const inPlot = (chart: ChartJs<'line'>, draw: (pen: Pen, scene: Scene) => void) => {
    const now = scene();
    const { x, y } = chart.scales;
    if (!now || !x || !y) return;
    const { ctx: canvas, chartArea: area } = chart;
    canvas.save();
    canvas.beginPath();
    canvas.rect(area.left - 6, area.top - 6, area.width + 12, area.height + 12);
    canvas.clip();
    draw({ canvas, area, x: (v) => x.getPixelForValue(v), y: (v) => y.getPixelForValue(v) }, now);
    canvas.restore();
  };
  return {
    id: 'strata-marks',
    beforeDatasetsDraw(chart) {
      inPlot(chart, (pen, now) => {
        drawGuides(pen, now);
        for (const series of now.chart.series) drawBand(pen, now, series);
      });
    },
    afterDatasetsDraw(chart) {
      inPlot(chart, (pen, now) => {
        for (const [i, series] of now.chart.series.entries()) drawPoints(pen, now, series, dodge(now.chart, i));
      });
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
