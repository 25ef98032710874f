import type { PanelView } from '../../src/protocol/panel.ts';
import type { DrawnChart } from '../model/drawn.ts';
import type { Actions } from './actions.ts';
import { ChartView } from './chart-view.ts';
import type { Theme } from './theme.ts';

interface Painted {
  view: ChartView;
  canvas: HTMLCanvasElement;
  visible: boolean;
  /** What it was drawn from; another value means that it must be drawn again. */
  drawn?: readonly [DrawnChart, Theme, string | undefined];
}

/** The charts on the page by id. Only what is on screen is drawn. */
export class Charts {
  readonly #painted = new Map<string, Painted>();
  readonly #zoom: Actions['zoom'];
  readonly #observer: IntersectionObserver;
  #paint: () => void = () => {};

  constructor(zoom: Actions['zoom']) {
    this.#zoom = zoom;
    this.#observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const found = [...this.#painted.values()].find((p) => p.canvas === target);
          if (found) found.visible = isIntersecting;
        }
        this.#paint();
      },
      { rootMargin: '200px' },
    );
  }

  /** A canvas came or went; lit calls it with each. */
  canvas(id: string, element: Element | undefined): void {
    const known = this.#painted.get(id);
    if (known && known.canvas === element) return;
    if (known) {
      this.#observer.unobserve(known.canvas);
      known.view.dispose();
      this.#painted.delete(id);
    }
    if (!(element instanceof HTMLCanvasElement)) return;
    const visible = element.getBoundingClientRect().top < window.innerHeight + 200;
    this.#painted.set(id, { view: new ChartView(element, this.#zoom), canvas: element, visible });
    this.#observer.observe(element);
  }

  view(id: string): ChartView | undefined {
    return this.#painted.get(id)?.view;
  }

  paint(charts: readonly DrawnChart[], theme: Theme, highlight: string | undefined): void {
    this.#paint = () => {
      for (const chart of charts) {
        const painted = this.#painted.get(chart.id);
        if (!painted?.visible) continue;
        const now = [chart, theme, highlight] as const;
        if (painted.drawn && now.every((part, i) => part === painted.drawn?.[i])) continue;
        painted.view.draw({ chart, theme, ...(highlight !== undefined && { highlight }) });
        painted.drawn = now;
      }
    };
    this.#paint();
  }
}

/** Draws a chart only when what it depends on has changed: the same parts of the view give the same value. */
export type ViewOfCharts = Pick<PanelView, 'hidden' | 'smoothing' | 'logarithmic' | 'zoom'>;
