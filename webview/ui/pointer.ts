import type { DrawnChart } from '../model/drawn.ts';
import { curvesTooltip, spoken as inWords, pointTooltip, type Tooltip } from '../model/tooltip.ts';
import type { PointTarget } from './actions.ts';
import type { ChartView } from './chart-view.ts';
import type { Theme } from './theme.ts';
import { createTooltip } from './tooltip-view.ts';

interface Elements {
  main: HTMLElement;
  tooltip: HTMLElement;
  spoken: HTMLElement;
}

interface Scene {
  charts: readonly DrawnChart[];
  theme: Theme;
  view(id: string): ChartView | undefined;
}

/** Crosshair in every chart of the group and one tooltip; nothing of it draws a chart again. */
export function createPointer({ main, tooltip, spoken }: Elements) {
  const bubble = createTooltip(tooltip);

  const crosshair = (id: string) => main.querySelector<HTMLElement>(`[data-chart="${CSS.escape(id)}"] .crosshair`);

  function placeCrosshair(id: string, x: number | undefined, scene: Scene): void {
    const line = crosshair(id);
    if (!line) return;
    const place = x === undefined ? undefined : scene.view(id)?.place(x);
    line.hidden = place === undefined;
    if (!place) return;
    line.style.left = `${place.left}px`;
    line.style.top = `${place.top}px`;
    line.style.height = `${place.height}px`;
  }

  function describe(target: PointTarget, { charts }: Scene): Tooltip | undefined {
    const chart = charts.find((c) => c.id === target.chart);
    if (target.kind === 'point') return chart && pointTooltip(chart, target.series, target.index);
    const group = charts.filter((c) => c.group === target.group);
    return curvesTooltip(group, target.x, target.chart);
  }

  /** On the page: beside the crosshair or the point. */
  function placeOf(target: PointTarget, scene: Scene): { left: number; top: number } | undefined {
    const view = scene.view(target.chart);
    const plot = crosshair(target.chart)?.parentElement?.getBoundingClientRect();
    const inside = target.kind === 'x' ? view?.place(target.x) : view?.pixelOf(target.series, target.index);
    return plot && inside ? { left: plot.left + inside.left, top: plot.top + inside.top } : undefined;
  }

  return {
    show(target: PointTarget | undefined, scene: Scene): void {
      for (const { id, group } of scene.charts)
        placeCrosshair(id, target?.kind === 'x' && target.group === group ? target.x : undefined, scene);
      const words = target && describe(target, scene);
      const place = target && placeOf(target, scene);
      if (!words || !place || words.sections.length === 0) {
        bubble.hide();
        return;
      }
      bubble.show(words, scene.theme, place);
      if (target.aloud) spoken.textContent = inWords(words);
    },
  };
}
