import {
  Chart as ChartJs,
  type ChartOptions,
  LinearScale,
  LineController,
  LogarithmicScale,
  type Scale,
  type Tick,
} from 'chart.js';
import Zoom from 'chartjs-plugin-zoom';
import type { ZoomRange } from '../../src/protocol/panel.ts';
import type { DrawnChart } from '../model/drawn.ts';
import { axisRange, type Range } from '../model/extent.ts';
import { tickLabel } from '../model/ticks.ts';
import { dodge, marks, type Scene } from './chart-marks.ts';

ChartJs.register(LineController, LinearScale, LogarithmicScale, Zoom);

const rowHeight = 40;

/**
 * A chart on its canvas. chart.js makes scales and axes and zooms; what stands between them is drawn by `chart-marks.ts`, in the
 * look of the exports and without an object for every point.
 */
export class ChartView {
  readonly #canvas: HTMLCanvasElement;
  readonly #zoomed: (group: string, zoom: ZoomRange) => void;
  #chart: ChartJs<'line'> | undefined;
  #scene: Scene | undefined;

  constructor(canvas: HTMLCanvasElement, zoomed: (group: string, zoom: ZoomRange) => void) {
    this.#canvas = canvas;
    this.#zoomed = zoomed;
  }

  get scene(): Scene | undefined {
    return this.#scene;
  }

  draw(scene: Scene): void {
    this.#scene = scene;
    const { chart } = scene;
    const { parentElement } = this.#canvas;
    const height = chart.y.kind === 'category' ? `${84 + rowHeight * chart.y.categories.length}px` : '';
    if (parentElement && parentElement.style.height !== height) parentElement.style.height = height;
    const ranges = { x: axisRange('x', chart), y: axisRange('y', chart) };
    const options = this.#options(scene, ranges);
    // A scale cannot change its kind while it lives.
    const kinds = this.#chart && [this.#chart.scales['x']?.type, this.#chart.scales['y']?.type];
    if (kinds && (kinds[0] !== options.scales?.['x']?.type || kinds[1] !== options.scales?.['y']?.type)) this.dispose();
    if (!this.#chart) {
      this.#chart = new ChartJs(this.#canvas, {
        type: 'line',
        data: { datasets: [] },
        options,
        plugins: [marks(() => this.#scene)],
      });
      return;
    }
    this.#chart.options = options;
    this.#chart.update('none');
  }

  dispose(): void {
    this.#chart?.destroy();
    this.#chart = undefined;
  }

  /** The value of x under a pixel of the canvas; undefined outside the plot. */
  xAt(pixel: number): number | undefined {
    const { chartArea, scales } = this.#chart ?? {};
    if (!chartArea || pixel < chartArea.left || pixel > chartArea.right) return undefined;
    return scales?.['x']?.getValueForPixel(pixel);
  }

  /** Where a value of x stands, with the plot's upper and lower end; undefined outside. */
  place(x: number): { left: number; top: number; height: number } | undefined {
    const { chartArea, scales } = this.#chart ?? {};
    const left = scales?.['x']?.getPixelForValue(x);
    if (!chartArea || left === undefined || left < chartArea.left - 1 || left > chartArea.right + 1) return undefined;
    return { left, top: chartArea.top, height: chartArea.height };
  }

  /** The point nearest to a pixel, within reach of a hand. */
  pointAt(px: number, py: number, reach = 28): { series: number; index: number } | undefined {
    let best: { series: number; index: number } | undefined;
    let nearest = reach;
    for (const [series, { points }] of (this.#scene?.chart.series ?? []).entries()) {
      for (const index of points.keys()) {
        const at = this.pixelOf(series, index);
        const distance = at ? Math.hypot(at.left - px, at.top - py) : Number.POSITIVE_INFINITY;
        if (distance < nearest) [nearest, best] = [distance, { series, index }];
      }
    }
    return best;
  }

  pixelOf(series: number, index: number): { left: number; top: number } | undefined {
    const { x, y } = this.#chart?.scales ?? {};
    const chart = this.#scene?.chart;
    const point = chart?.series[series]?.points[index];
    if (!chart || !x || !y || !point) return undefined;
    return { left: x.getPixelForValue(point.x), top: y.getPixelForValue(point.y) + dodge(chart, series) };
  }

  #options(scene: Scene, ranges: { x: Range; y: Range }): ChartOptions<'line'> {
    const { chart, theme } = scene;
    const mode = chart.curves ? 'x' : 'xy';
    const complete = ({ chart: drawn }: { chart: ChartJs }) => this.#report(drawn);
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      // Pointer and keyboard are handled by the card, which knows all charts.
      events: [],
      layout: { padding: { right: 8 } },
      scales: { x: scaleOptions('x', scene, ranges.x), y: scaleOptions('y', scene, ranges.y) },
      plugins: {
        zoom: {
          zoom: {
            drag: {
              enabled: true,
              threshold: 6,
              backgroundColor: theme.selection,
              borderColor: theme.focus,
              borderWidth: 1,
            },
            wheel: { enabled: true, modifierKey: 'ctrl' },
            pinch: { enabled: true },
            mode,
            onZoomComplete: complete,
          },
          pan: { enabled: true, modifierKey: 'shift', mode, onPanComplete: complete },
        },
      },
    };
  }

  #report({ scales }: ChartJs): void {
    const scene = this.#scene;
    const { x, y } = scales;
    if (!scene || !x || !y || !(x.min < x.max)) return;
    const { group, curves } = scene.chart;
    this.#zoomed(group, { x: [x.min, x.max], ...(!curves && y.min < y.max && { y: [y.min, y.max] }) });
  }
}

type ScaleOptions = NonNullable<ChartOptions<'line'>['scales']>[string];

function scaleOptions(axis: 'x' | 'y', { chart, theme }: Scene, [min, max]: Range): ScaleOptions {
  const own: DrawnChart['x'] = chart[axis];
  const font = { family: theme.font, size: 12 };
  const names = own.kind === 'category' ? own.categories : undefined;
  const type = own.kind === 'number' && own.scale === 'log' ? 'logarithmic' : 'linear';
  const callback = (value: string | number, _: number, ticks: Tick[]): string =>
    names ? (names[Number(value)] ?? '') : tickLabel(Number(value), (ticks[1]?.value ?? 0) - (ticks[0]?.value ?? 0));
  return {
    type,
    min,
    max,
    ...(names && {
      reverse: true,
      afterBuildTicks: (scale: Scale) => {
        scale.ticks = names.map((_, value) => ({ value }));
      },
    }),
    grid: { color: theme.grid, tickColor: theme.grid },
    border: { color: theme.guide },
    title: { display: names === undefined, text: own.label, color: theme.foreground, font },
    ticks: {
      color: theme.foreground,
      font,
      // Ranges end where the data ends, not at round numbers; an axis labels the round ones only.
      includeBounds: false,
      maxTicksLimit: axis === 'x' ? 8 : 7,
      ...(axis === 'x' && { maxRotation: 0 }),
      ...(names && { autoSkip: false }),
      // chart.js knows which ticks of a logarithmic axis there is room for.
      ...(type === 'linear' && { callback }),
    },
  };
}
