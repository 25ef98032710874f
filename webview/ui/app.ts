import { html, nothing, render } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { t } from '../../src/base/translate.ts';
import { initialView, type PanelState, type PanelView, panelProtocol } from '../../src/protocol/panel.ts';
import type { Chart } from '../../src/report/chart.ts';
import { charts as chartsOf } from '../../src/report/charts.ts';
import type { Comparison } from '../../src/report/types.ts';
import { type Arranged, arrange } from '../model/arrange.ts';
import { type DrawnChart, drawnChart } from '../model/drawn.ts';
import { fileName } from '../model/files.ts';
import { type TableModel, tableModel } from '../model/rows.ts';
import type { Actions, PointTarget } from './actions.ts';
import { chartCard } from './chart-card.ts';
import { Charts } from './charts.ts';
import { documentSection } from './documents.ts';
import type { Host } from './host.ts';
import { heading, messages } from './page.ts';
import { picturePng, pictureSvg } from './picture.ts';
import { createPointer } from './pointer.ts';
import { rowHeight, runTable } from './run-table.ts';
import { readTheme, watchTheme } from './theme.ts';
import { toolbar } from './toolbar.ts';

/** Everything that follows from the host's state; made again only when that changes. */
interface Derived {
  table: TableModel;
  charts: Chart[];
  arms: ReadonlySet<string>;
}

const emptyTable: TableModel = { columns: [], arms: [], seeds: new Map() };

/** The compare panel: one state of the host, one view of the user, one function that draws both. */
export function createPanel(root: HTMLElement, host: Host): void {
  let state: PanelState | undefined;
  let derived: Derived = { table: emptyTable, charts: [], arms: new Set() };
  const remembered = host.remembered();
  let view: PanelView = remembered ?? initialView;
  let theme = readTheme();
  let highlight: string | undefined;
  let pointed: PointTarget | undefined;
  let scroll = { top: 0, height: 400 };
  let current = 0;
  let focusRow = false;
  let scheduled = false;
  let arranged: Arranged = { rows: [], arms: 0 };
  let drawn: DrawnChart[] = [];
  let stale = { table: true, charts: true };

  root.replaceChildren(document.createElement('main'), ...pointerElements());
  const [main, tooltip, spoken] = [...root.children] as [HTMLElement, HTMLElement, HTMLElement];

  const actions: Actions = {
    view(change) {
      view = { ...view, ...change };
      stale = { table: stale.table || touches(change, tableKeys), charts: stale.charts || touches(change, chartKeys) };
      remember();
      schedule();
    },
    choose(choice) {
      if (!state) return;
      host.send({ type: 'choose', choice: { ...state.choice, ...choice } });
    },
    send: (message) => host.send(message),
    highlight(series) {
      highlight = series;
      schedule();
    },
    zoom(group, zoom) {
      const { [group]: _, ...others } = view.zoom;
      actions.view({ zoom: zoom ? { ...others, [group]: zoom } : others });
    },
    point(target) {
      pointed = target;
      pointer.show(target, { charts: drawn, theme, view: (id) => painted.view(id) });
    },
    savePicture(chart, format) {
      const name = fileName(chart.id);
      if (format === 'svg') host.send({ type: 'save', format, name, content: pictureSvg(chart) });
      else void picturePng(chart).then((content) => host.send({ type: 'save', format, name, content }));
    },
  };
  const painted = new Charts(actions.zoom);
  const pointer = createPointer({ main, tooltip, spoken });

  const tableKeys = ['sort', 'filter', 'expanded'] as const;
  const chartKeys = ['hidden', 'smoothing', 'logarithmic', 'zoom'] as const;
  const touches = (change: Partial<PanelView>, keys: readonly (keyof PanelView)[]) => keys.some((key) => key in change);

  function remember(): void {
    if (state) host.remember({ protocol: panelProtocol, source: state.source, choice: state.choice, view });
  }

  /** Draws once, however many changes come before the next frame. */
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      draw();
    });
  }

  function accept(next: PanelState): void {
    const start = performance.now();
    const changed = next.comparison !== state?.comparison || next.runs !== state?.runs;
    state = next;
    if (changed) {
      const { comparison } = next;
      derived = {
        table: comparison ? tableModel(comparison, next.runs) : emptyTable,
        charts: comparison ? chartsOf(comparison) : [],
        arms: new Set(comparison?.arms.map((a) => a.name)),
      };
      stale = { table: true, charts: true };
    }
    performance.measure('strata:state', { start });
    remember();
    schedule();
  }

  function moveTo(index: number): void {
    current = Math.max(0, Math.min(arranged.rows.length - 1, index));
    const box = main.querySelector<HTMLElement>('.rows');
    if (box) {
      const header = box.querySelector('thead')?.offsetHeight ?? 0;
      const top = current * rowHeight;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + rowHeight + header > box.scrollTop + box.clientHeight)
        box.scrollTop = top + rowHeight + header - box.clientHeight;
      scroll = { top: box.scrollTop, height: box.clientHeight };
    }
    focusRow = true;
    // At once: the next key may come before the next frame, and means the row that this one went to.
    draw();
  }

  function draw(): void {
    if (!state) return;
    const start = performance.now();
    if (stale.table) arranged = arrange(derived.table, view);
    if (stale.charts) drawn = derived.charts.map((chart) => drawnChart(chart, view, derived.arms));
    stale = { table: false, charts: false };
    current = Math.min(current, Math.max(0, arranged.rows.length - 1));
    render(template(state), main);
    if (focusRow) main.querySelector<HTMLElement>(`tr[data-index="${current}"]`)?.focus({ preventScroll: true });
    focusRow = false;
    performance.measure('strata:page', { start });
    const charts = performance.now();
    painted.paint(drawn, theme, highlight);
    performance.measure('strata:charts', { start: charts });
    if (pointed) actions.point(drawn.some((c) => c.id === pointed?.chart) ? pointed : undefined);
  }

  function template(now: PanelState) {
    const { comparison } = now;
    return html`${heading(now, actions)} ${messages(now, actions)}
    ${
      comparison
        ? html`${comparison.arms.length > 0 ? compared(now, comparison) : nothing}
          <section aria-labelledby="charts-title">
            <h2 id="charts-title">${t('Charts')}</h2>
            ${drawn.length === 0 ? html`<p class="quiet">${t('There is nothing to draw yet: no run has recorded a step or a score.')}</p>` : nothing}
            <div class="charts">
              ${repeat(
                drawn,
                (chart) => chart.id,
                (chart) =>
                  chartCard({
                    chart,
                    view,
                    theme,
                    actions,
                    asTable: view.tables.includes(chart.id) !== theme.screenReader,
                    pointed: () => pointed,
                    canvas: canvasOf(chart.id),
                    painted: () => painted.view(chart.id),
                  }),
              )}
            </div>
          </section>
          ${documentSection(comparison, view, actions)}`
        : nothing
    }`;
  }

  /** Toolbar and table; chosen analyses have no arms, only charts. */
  function compared(now: PanelState, comparison: Comparison) {
    return html`${toolbar({ state: now, view, table: derived.table, arranged, actions })}
          <p id="table-keys" class="quiet hint">
            ${t('In the table: up and down go from row to row, right and left open and close the seeds, space draws an arm or not, enter pins it as baseline.')}
          </p>
          ${runTable({
            table: derived.table,
            arranged,
            view,
            ...(comparison.baseline !== undefined && { baseline: comparison.baseline }),
            theme,
            actions,
            scroll,
            current,
            moveTo: (index) => (index === current ? undefined : moveTo(index)),
            scrolled(next) {
              scroll = next;
              schedule();
            },
          })}`;
  }

  /** One function a chart for all renderings: lit takes another one for another reference, and would drop the chart. */
  const canvases = new Map<string, (element: Element | undefined) => void>();
  function canvasOf(id: string) {
    const known = canvases.get(id) ?? ((element: Element | undefined) => painted.canvas(id, element));
    canvases.set(id, known);
    return known;
  }

  host.listen((message) => {
    if (message.type === 'state') accept(message.state);
    else {
      view = message.view;
      stale = { table: true, charts: true };
      remember();
      schedule();
    }
  });
  watchTheme(() => {
    theme = readTheme();
    schedule();
  });
  host.send({ type: 'ready', restored: remembered !== undefined });
}

function pointerElements(): HTMLElement[] {
  const tooltip = document.createElement('div');
  tooltip.className = 'tooltip';
  tooltip.hidden = true;
  tooltip.setAttribute('aria-hidden', 'true');
  const spoken = document.createElement('div');
  spoken.className = 'spoken';
  spoken.setAttribute('role', 'status');
  return [tooltip, spoken];
}
