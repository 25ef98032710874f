import { html, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import { repeat } from 'lit/directives/repeat.js';
import { t } from '../../src/base/translate.ts';
import type { PanelView } from '../../src/protocol/panel.ts';
import { type Arranged, nextSort, windowOf } from '../model/arrange.ts';
import type { Column, Row, TableModel } from '../model/rows.ts';
import { type Actions, toggled } from './actions.ts';
import { icons } from './icons.ts';
import { swatch } from './swatch.ts';
import type { Theme } from './theme.ts';

/** Every row is this high, so that rows off screen need not exist. */
export const rowHeight = 26;

export interface TableProps {
  table: TableModel;
  arranged: Arranged;
  view: PanelView;
  baseline?: string;
  theme: Theme;
  actions: Actions;
  /** Where the rows are scrolled to. */
  scroll: { top: number; height: number };
  /** Index of the row that the keyboard stands on. */
  current: number;
  moveTo(index: number): void;
  scrolled(scroll: { top: number; height: number }): void;
}

export function runTable(props: TableProps): TemplateResult {
  const { table, arranged, scroll, scrolled } = props;
  const { rows } = arranged;
  const { first, last, above, below } = windowOf(rows.length, rowHeight, scroll.top, scroll.height);
  const onScroll = ({ currentTarget }: Event) => {
    const { scrollTop, clientHeight } = currentTarget as HTMLElement;
    scrolled({ top: scrollTop, height: clientHeight });
  };
  const widths = widthsOf(table);
  return html`<div class="rows" @scroll=${onScroll}>
    <table
      ${ref(wide(widths.reduce((a, b) => a + b, 0)))}
      role="treegrid"
      aria-label=${t('Runs')}
      aria-rowcount=${rows.length + 1}
      aria-describedby="table-keys"
      @keydown=${(event: KeyboardEvent) => onKey(event, props)}
    >
      <colgroup>${widths.map((width) => html`<col ${ref(wide(width))} />`)}</colgroup>
      <thead>
        <tr aria-rowindex="1">
          ${table.columns.map((column) => header(column, props))}
        </tr>
      </thead>
      <tbody>
        ${spacer(above, table)}
        ${repeat(
          rows.slice(first, last),
          (row) => `${row.kind} ${row.key}`,
          (row, i) => tableRow(row, first + i, props),
        )}
        ${spacer(below, table)}
      </tbody>
    </table>
  </div>`;
}

function spacer(height: number, { columns }: TableModel) {
  if (height <= 0) return nothing;
  const size = (element: Element | undefined) =>
    (element as HTMLElement | undefined)?.style.setProperty('height', `${height}px`);
  return html`<tr role="presentation"><td role="presentation" colspan=${columns.length} class="spacer" ${ref(size)}></td></tr>`;
}

function header(column: Column, { view, actions }: TableProps) {
  const sorted = view.sort?.column === column.id;
  const direction = !sorted ? 'none' : view.sort!.descending ? 'descending' : 'ascending';
  return html`<th scope="col" aria-sort=${direction} class=${column.align}>
    <button title=${column.title} @click=${() => actions.view({ sort: nextSort(view.sort, column.id) })}>
      ${column.header}<span aria-hidden="true">${sorted ? (view.sort!.descending ? ' ▼' : ' ▲') : ''}</span>
    </button>
  </th>`;
}

function tableRow(row: Row, index: number, props: TableProps) {
  const { view, actions, current, moveTo, table, baseline } = props;
  const isArm = row.kind === 'arm';
  const hidden = view.hidden.includes(row.arm);
  return html`<tr
    class="${row.kind} ${hidden ? 'hidden' : ''} ${isArm && row.arm === baseline ? 'baseline' : ''}"
    aria-rowindex=${index + 2}
    aria-level=${isArm ? 1 : 2}
    aria-expanded=${isArm ? String(view.expanded.includes(row.arm)) : nothing}
    aria-selected=${String(!hidden)}
    tabindex=${index === current ? 0 : -1}
    data-index=${index}
    @focus=${() => moveTo(index)}
    @mouseenter=${() => actions.highlight(row.arm)}
    @mouseleave=${() => actions.highlight(undefined)}
  >
    ${nameCell(row, hidden, props)}
    ${row.cells.slice(1).map(
      (cell, i) =>
        html`<td class="${table.columns[i + 1]!.align} ${cell.tone ? cell.tone.replaceAll(' ', '-') : ''}" title=${cell.title ?? nothing}>
          ${cell.text}
        </td>`,
    )}
  </tr>`;
}

function nameCell(row: Row, hidden: boolean, { view, actions, baseline, theme }: TableProps) {
  const [name] = row.cells;
  if (row.kind === 'seed') {
    const { folder } = row;
    return html`<td class="name left seed" title=${name?.title ?? nothing}>
      <span>${name?.text}</span>
      ${
        folder === undefined
          ? nothing
          : html`<button tabindex="-1" class="link" @click=${() => actions.send({ type: 'showLog', folder })}>${t('log')}</button>`
      }
    </td>`;
  }
  const expanded = view.expanded.includes(row.arm);
  const pinned = row.arm === baseline;
  return html`<td class="name left" title=${name?.title ?? nothing}>
    <input
      type="checkbox"
      tabindex="-1"
      .checked=${!hidden}
      aria-label=${t('Draw {0}', row.arm)}
      @change=${() => actions.view({ hidden: toggled(view.hidden, row.arm) })}
    />
    <button
      class="plain"
      tabindex="-1"
      aria-label=${expanded ? t('Hide the seeds of {0}', row.arm) : t('Show the seeds of {0}', row.arm)}
      @click=${() => actions.view({ expanded: toggled(view.expanded, row.arm) })}
    >
      ${expanded ? icons.open : icons.closed}
    </button>
    ${swatch(row.style, theme)}<span class="arm-name">${name?.text}</span>
    <button
      class="plain pin"
      tabindex="-1"
      aria-pressed=${String(pinned)}
      aria-label=${t('Pin {0} as baseline', row.arm)}
      title=${pinned ? t('{0} is the baseline', row.arm) : t('Measure every arm against {0}', row.arm)}
      @click=${() => pin(row, actions)}
    >
      ${icons.pin}
    </button>
  </td>`;
}

const pin = (row: Row, { choose }: Actions): void => choose({ baseline: row.arm });

const keyHandlers: Record<string, (props: TableProps, row: Row) => void> = {
  ArrowDown: ({ current, moveTo }) => moveTo(current + 1),
  ArrowUp: ({ current, moveTo }) => moveTo(current - 1),
  Home: ({ moveTo }) => moveTo(0),
  End: ({ moveTo, arranged }) => moveTo(arranged.rows.length - 1),
  PageDown: ({ current, moveTo }) => moveTo(current + 10),
  PageUp: ({ current, moveTo }) => moveTo(current - 10),
  ArrowRight: ({ actions, view }, row) => actions.view({ expanded: toggled(view.expanded, row.arm, true) }),
  ArrowLeft({ actions, view, arranged, moveTo }, row) {
    if (row.kind === 'seed') moveTo(arranged.rows.findIndex((r) => r.kind === 'arm' && r.arm === row.arm));
    else actions.view({ expanded: toggled(view.expanded, row.arm, false) });
  },
  ' ': ({ actions, view }, row) => actions.view({ hidden: toggled(view.hidden, row.arm) }),
  Enter: ({ actions }, row) => pin(row, actions),
};

/** Keys of a row; those of its buttons are the buttons' own. */
function onKey(event: KeyboardEvent, props: TableProps): void {
  const target = event.target as HTMLElement;
  const row = props.arranged.rows[props.current];
  const handler = keyHandlers[event.key];
  if (target.tagName !== 'TR' || !row || !handler) return;
  event.preventDefault();
  handler(props, row);
}

const knownWidths = new WeakMap<TableModel, number[]>();

/** A column is as wide as its longest text, known without asking the browser. In characters. */
function widthsOf(table: TableModel): number[] {
  const known = knownWidths.get(table);
  if (known) return known;
  const rows = [...table.arms, ...[...table.seeds.values()].flat()];
  const found = table.columns.map((column, i) => {
    const words = column.header.split(' ').map((word) => word.length + 3);
    let longest = Math.max(7, Math.ceil(column.header.length * 0.6) + 3, ...words);
    for (const row of rows) longest = Math.max(longest, row.cells[i]!.text.length);
    return Math.min(56, longest) + (i === 0 ? 15 : 2);
  });
  knownWidths.set(table, found);
  return found;
}

/** By script: an inline style is forbidden here. */
const wide = (characters: number) => (element: Element | undefined) =>
  (element as HTMLElement | undefined)?.style.setProperty('width', `${characters}ch`);
