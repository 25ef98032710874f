/** A chart as plain data: the SVG writer and the webview's chart.js draw the same value, so that they cannot drift. */
export interface Chart {
  /** Stable, for file names and anchors: `forgetting-recall_old`. */
  id: string;
  title: string;
  /** What the chart shows, for those who cannot see it. */
  description: string;
  x: Axis;
  y: Axis;
  series: ChartSeries[];
  /** Lines across the plot, e.g. at no difference. */
  guides: { axis: 'x' | 'y'; at: number; label: string }[];
  /** What bars and bands are; drawn below. */
  note: string;
}

export type Axis =
  | { kind: 'number'; label: string; unit: string; scale: 'linear' | 'log' }
  /** Point values are indices into `categories`; the first is drawn on top. */
  | { kind: 'category'; label: string; categories: string[] };

export interface ChartPoint {
  x: number;
  y: number;
  /** Interval along an axis. */
  xInterval?: { low: number; high: number };
  yInterval?: { low: number; high: number };
  /** One line, shown on hover and read out. */
  label: string;
}

export interface ChartSeries {
  name: string;
  /** Row of `seriesStyles`: the same arm has the same look in every chart. */
  style: number;
  /** Whether points are joined. */
  line: boolean;
  points: ChartPoint[];
  /** Drawn behind the line, at increasing x. */
  band?: { x: number; low: number; high: number }[];
}
