import type { PanelChoice, PanelView, ToHost, ZoomRange } from '../../src/protocol/panel.ts';
import type { DrawnChart } from '../model/drawn.ts';

/** What parts of the panel can do. Each changes the view or tells the host; nothing else changes anything. */
export interface Actions {
  view(change: Partial<PanelView>): void;
  choose(choice: PanelChoice): void;
  send(message: ToHost): void;
  /** Looks at one series everywhere; undefined: at all. */
  highlight(series: string | undefined): void;
  zoom(group: string, zoom: ZoomRange | undefined): void;
  /** The crosshair at a value of x, or a point of one chart; undefined: none. */
  point(target: PointTarget | undefined): void;
  savePicture(chart: DrawnChart, format: 'svg' | 'png'): void;
}

export type PointTarget =
  | { kind: 'x'; group: string; chart: string; x: number; aloud?: boolean }
  | { kind: 'point'; chart: string; series: number; index: number; aloud?: boolean };

/** Puts a name in, or takes it out. */
export function toggled(names: readonly string[], name: string, on = !names.includes(name)): string[] {
  const others = names.filter((n) => n !== name);
  return on ? [...others, name] : others;
}
