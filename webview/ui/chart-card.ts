import { html, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import { t } from '../../src/base/translate.ts';
import type { PanelView } from '../../src/protocol/panel.ts';
import type { Table } from '../../src/report/tables.ts';
import { type DrawnChart, logarithmicKey, logarithmicRefusal } from '../model/drawn.ts';
import { axisRange } from '../model/extent.ts';
import { chartCsv, chartMarkdown, drawnTable, fileName } from '../model/files.ts';
import { nearestX, stepX } from '../model/tooltip.ts';
import { type Actions, type PointTarget, toggled } from './actions.ts';
import type { ChartView } from './chart-view.ts';
import { swatch } from './swatch.ts';
import type { Theme } from './theme.ts';

export interface CardProps {
  chart: DrawnChart;
  view: PanelView;
  theme: Theme;
  actions: Actions;
  asTable: boolean;
  /** Where the crosshair is now. */
  pointed(): PointTarget | undefined;
  canvas(element: Element | undefined): void;
  painted(): ChartView | undefined;
}

export function chartCard(props: CardProps): TemplateResult {
  const { chart, asTable } = props;
  return html`<section class="chart" aria-labelledby="title-${chart.id}" data-chart=${chart.id}>
    <header>
      <h3 id="title-${chart.id}">${chart.title}</h3>
      ${tools(props)}
    </header>
    ${asTable ? numbers(drawnTable(chart), chart.id) : plot(props)}
    ${asTable || chart.series.length === 0 ? nothing : legend(props)}
    <p class="note">${chart.note}${chart.series.some((s) => s.raw) && !asTable ? ` ${t('The faint line is what was recorded.')}` : ''}</p>
  </section>`;
}

function tools({ chart, view, actions, asTable }: CardProps) {
  const axis = (which: 'x' | 'y') => {
    const refusal = logarithmicRefusal(which, chart);
    const key = logarithmicKey(which, chart);
    if (chart[which].kind === 'category') return nothing;
    return html`<button
      aria-pressed=${String(view.logarithmic.includes(key))}
      ?disabled=${refusal !== undefined}
      title=${refusal ?? t('Logarithmic {0} axis', which)}
      @click=${() => actions.view({ logarithmic: toggled(view.logarithmic, key), zoom: withoutGroup(view, chart) })}
    >
      ${t('log {0}', which)}
    </button>`;
  };
  const name = fileName(chart.id);
  const save = (format: 'csv', content: string) => actions.send({ type: 'save', format, name, content });
  return html`<div class="tools" role="group" aria-label=${t('Tools of {0}', chart.title)}>
    ${axis('x')} ${axis('y')}
    ${
      chart.zoom
        ? html`<button title=${t('Show everything again (double-click)')} @click=${() => actions.zoom(chart.group, undefined)}>${t('Reset zoom')}</button>`
        : nothing
    }
    <button
      aria-pressed=${String(asTable)}
      title=${t('Show the numbers instead of the picture')}
      @click=${() => actions.view({ tables: toggled(view.tables, chart.id) })}
    >
      ${t('Table')}
    </button>
    <details class="menu" @keydown=${closeOnEscape} @focusout=${closeWhenLeft}>
      <summary aria-label=${t('Export {0}', chart.title)}>${t('Export')}</summary>
      <div class="items" @click=${close}>
        <button @click=${() => actions.send({ type: 'copy', text: chartMarkdown(chart), what: chart.title })}>${t('Copy as Markdown')}</button>
        <button @click=${() => save('csv', chartCsv(chart))}>${t('CSV of what is drawn')}</button>
        <button @click=${() => actions.savePicture(chart, 'svg')}>${t('SVG with legend')}</button>
        <button @click=${() => actions.savePicture(chart, 'png')}>${t('PNG with legend')}</button>
      </div>
    </details>
  </div>`;
}

export const close = (event: Event): void => (event.target as HTMLElement).closest('details')?.removeAttribute('open');
export function closeOnEscape(event: KeyboardEvent): void {
  const menu = (event.currentTarget as HTMLElement).closest('details');
  if (event.key !== 'Escape' || !menu?.open) return;
  menu.open = false;
  menu.querySelector('summary')?.focus();
}
export function closeWhenLeft(event: FocusEvent): void {
  const menu = event.currentTarget as HTMLDetailsElement;
  if (!menu.contains(event.relatedTarget as Node | null)) menu.open = false;
}

function withoutGroup({ zoom }: PanelView, { group }: DrawnChart): PanelView['zoom'] {
  const { [group]: _, ...others } = zoom;
  return others;
}

function plot(props: CardProps) {
  const { chart, canvas, actions } = props;
  const empty = chart.series.every((s) => s.points.length === 0);
  const keys = chart.curves
    ? t('Arrow keys move the crosshair, plus and minus zoom, 0 shows everything.')
    : t('Arrow keys go from point to point, 0 shows everything.');
  return html`<div class="plot">
    <canvas
      role="img"
      tabindex="0"
      aria-label="${chart.title}. ${chart.description} ${keys}"
      ${ref(canvas)}
      @pointermove=${(event: PointerEvent) => onPointer(event, props)}
      @pointerleave=${() => actions.point(undefined)}
      @blur=${() => actions.point(undefined)}
      @dblclick=${() => actions.zoom(chart.group, undefined)}
      @keydown=${(event: KeyboardEvent) => onKey(event, props)}
    ></canvas>
    <div class="crosshair" hidden></div>
    ${empty ? html`<p class="empty">${t('Every arm of this chart is switched off in the table.')}</p>` : nothing}
  </div>`;
}

function onPointer({ offsetX, offsetY }: PointerEvent, { chart, actions, painted }: CardProps): void {
  const view = painted();
  if (!chart.curves) {
    const found = view?.pointAt(offsetX, offsetY);
    actions.point(found && { kind: 'point', chart: chart.id, ...found });
    return;
  }
  const at = view?.xAt(offsetX);
  const x = at === undefined ? undefined : nearestX(chart, at);
  actions.point(x === undefined ? undefined : { kind: 'x', group: chart.group, chart: chart.id, x });
}

function onKey(event: KeyboardEvent, props: CardProps): void {
  const handled = props.chart.curves ? curveKey(event.key, props) : pointKey(event.key, props);
  if (handled) event.preventDefault();
}

function curveKey(key: string, { chart, actions, pointed }: CardProps): boolean {
  const [low, high] = axisRange('x', chart);
  const now = pointed();
  const at = now?.kind === 'x' && now.group === chart.group ? now.x : undefined;
  const go = (x: number | undefined) => {
    if (x !== undefined) actions.point({ kind: 'x', group: chart.group, chart: chart.id, x, aloud: true });
  };
  const middle = at ?? (low + high) / 2;
  const scaled = (factor: number) =>
    actions.zoom(chart.group, { x: [middle - (middle - low) * factor, middle + (high - middle) * factor] });
  const handlers: Record<string, () => void> = {
    ArrowRight: () => go(at === undefined ? nearestX(chart, low) : stepX(chart, at, 1)),
    ArrowLeft: () => go(at === undefined ? nearestX(chart, high) : stepX(chart, at, -1)),
    Home: () => go(nearestX(chart, low)),
    End: () => go(nearestX(chart, high)),
    '+': () => scaled(0.5),
    '-': () => scaled(2),
    '0': () => actions.zoom(chart.group, undefined),
    Escape: () => actions.point(undefined),
  };
  handlers[key]?.();
  return key in handlers;
}

/** Points in the order in which they are read: series by series. */
function pointKey(key: string, { chart, actions, pointed }: CardProps): boolean {
  const places = chart.series.flatMap((s, series) => s.points.map((_, index) => ({ series, index })));
  const target = pointed();
  const now =
    target?.kind === 'point' && target.chart === chart.id
      ? places.findIndex((p) => p.series === target.series && p.index === target.index)
      : -1;
  const go = (place: number) => {
    const found = places[(place + places.length) % places.length];
    if (found) actions.point({ kind: 'point', chart: chart.id, ...found, aloud: true });
  };
  const handlers: Record<string, () => void> = {
    ArrowRight: () => go(now + 1),
    ArrowDown: () => go(now + 1),
    ArrowLeft: () => go(now < 0 ? -1 : now - 1),
    ArrowUp: () => go(now < 0 ? -1 : now - 1),
    '0': () => actions.zoom(chart.group, undefined),
    Escape: () => actions.point(undefined),
  };
  handlers[key]?.();
  return key in handlers;
}

function legend({ chart, theme, actions }: CardProps) {
  return html`<ul class="legend" aria-label=${t('Legend')}>
    ${chart.series.map(
      (s) =>
        html`<li @mouseenter=${() => actions.highlight(s.name)} @mouseleave=${() => actions.highlight(undefined)}>
          ${swatch(s.style, theme, s.line)}<span>${s.name}</span>
        </li>`,
    )}
  </ul>`;
}

/** A table of text as a table. */
export function numbers({ caption, columns, rows }: Table, id: string): TemplateResult {
  return html`<div class="numbers" tabindex="0" role="region" aria-label=${caption}>
    <table id="numbers-${id}">
      <thead>
        <tr>
          ${columns.map((c) => html`<th scope="col" class=${c.align}>${c.header}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first, ...others]) =>
            html`<tr>
              <th scope="row" class="left">${first}</th>
              ${others.map((text, i) => html`<td class=${columns[i + 1]!.align}>${text}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
