import type { PanelView } from '../../src/protocol/panel.ts';
import { type Filter, parseFilter } from './filter.ts';
import type { Cell, Row, TableModel } from './rows.ts';

export interface Arranged {
  /** What is shown, arms with their open seeds, in order. */
  rows: Row[];
  /** Arms that the filter lets through. */
  arms: number;
  problem?: string;
}

/** Filters arms (an arm stays if one of its seeds matches), sorts them and their seeds, and opens what is expanded. */
export function arrange(table: TableModel, view: Pick<PanelView, 'sort' | 'filter' | 'expanded'>): Arranged {
  const filter = parseFilter(view.filter, table.columns);
  const arms = table.arms.filter((row) => kept(row, table, filter));
  const at = view.sort ? table.columns.findIndex((c) => c.id === view.sort?.column) : -1;
  const order = (rows: Row[]) => (at < 0 ? rows : sortRows(rows, at, view.sort!.descending));
  const expanded = new Set(view.expanded);
  const rows = order(arms).flatMap((row) =>
    expanded.has(row.arm) ? [row, ...order(table.seeds.get(row.arm) ?? [])] : [row],
  );
  return { rows, arms: arms.length, ...(filter.problem !== undefined && { problem: filter.problem }) };
}

function kept(row: Row, { seeds }: TableModel, filter: Filter): boolean {
  return filter.matches(row) || (seeds.get(row.arm) ?? []).some((seed) => filter.matches(seed));
}

/** Stable; cells without a value stay at the end whichever way it goes. */
function sortRows(rows: readonly Row[], column: number, descending: boolean): Row[] {
  return [...rows].sort((a, b) => {
    const [x, y] = [a.cells[column], b.cells[column]];
    const [lacksX, lacksY] = [x?.value === undefined, y?.value === undefined];
    if (lacksX || lacksY) return Number(lacksX) - Number(lacksY);
    return (descending ? -1 : 1) * compareCells(x!, y!);
  });
}

function compareCells({ value: a }: Cell, { value: b }: Cell): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}

/** The sort after a click on a header: downwards, upwards, as in the experiment. */
export function nextSort(sort: PanelView['sort'], column: string): PanelView['sort'] {
  if (sort?.column !== column) return { column, descending: true };
  return sort.descending ? { column, descending: false } : undefined;
}

/** The rows that are on screen, with room above and below for those that are not. */
export function windowOf(count: number, rowHeight: number, top: number, height: number, extra = 8) {
  const first = Math.max(0, Math.floor(top / rowHeight) - extra);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + extra);
  return {
    first: Math.min(first, Math.max(0, count - 1)),
    last,
    above: Math.min(first, count) * rowHeight,
    below: Math.max(0, count - last) * rowHeight,
  };
}
