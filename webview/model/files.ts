import { csvText } from '../../src/report/exports/csv.ts';
import { markdownTable } from '../../src/report/exports/markdown.ts';
import { chartTable, type Table } from '../../src/report/tables.ts';
import { type DrawnChart, inZoom } from './drawn.ts';
import type { Column, Row } from './rows.ts';

/** What a chart draws, as numbers for other programs: a line a point, unrounded, with intervals, bands and what was smoothed. */
export function chartCsv(chart: DrawnChart): string {
  const drawn = inZoom(chart);
  const { y } = drawn;
  const header = ['series', 'x', 'x_low', 'x_high', 'y', 'y_low', 'y_high', 'y_recorded'];
  const rows = drawn.series.flatMap((s) => {
    const bands = new Map(s.band?.map((b) => [b.x, b]));
    const raw = new Map(s.raw?.map((p) => [p.x, p.y]));
    return s.points.map((p) => {
      const interval = p.yInterval ?? bands.get(p.x);
      const place = y.kind === 'category' ? y.categories[p.y] : p.y;
      return [s.name, p.x, p.xInterval?.low, p.xInterval?.high, place, interval?.low, interval?.high, raw.get(p.x)];
    });
  });
  return csvText([header, ...rows]);
}

/** What a chart draws, as a table for people. */
export const drawnTable = (chart: DrawnChart): Table => chartTable(inZoom(chart));

export const chartMarkdown = (chart: DrawnChart): string => `${markdownTable(drawnTable(chart))}\n\n${chart.note}\n`;

/** The run table as it is shown. */
export function rowsMarkdown(title: string, columns: readonly Column[], rows: readonly Row[]): string {
  const table = { caption: title, columns: columns.map(({ header, align }) => ({ header, align })), rows: texts(rows) };
  return `${markdownTable(table)}\n`;
}

export function rowsCsv(columns: readonly Column[], rows: readonly Row[]): string {
  return csvText([columns.map((c) => c.header), ...texts(rows)]);
}

function texts(rows: readonly Row[]): string[][] {
  return rows.map(({ kind, arm, cells }) =>
    cells.map((cell, i) => (i === 0 && kind === 'seed' ? `${arm}, ${cell.text}` : cell.text)),
  );
}

/** A file name without characters that some system refuses. */
export const fileName = (text: string): string =>
  text.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').replaceAll(/^[-.]+|-+$/g, '') || 'comparison';
