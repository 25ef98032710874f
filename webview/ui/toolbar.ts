import { html, nothing, type TemplateResult } from 'lit';
import { t } from '../../src/base/translate.ts';
import type { PanelState, PanelView } from '../../src/protocol/panel.ts';
import type { Arranged } from '../model/arrange.ts';
import { rowsCsv, rowsMarkdown } from '../model/files.ts';
import type { TableModel } from '../model/rows.ts';
import type { Actions } from './actions.ts';
import { close, closeOnEscape, closeWhenLeft } from './chart-card.ts';

interface ToolbarProps {
  state: PanelState;
  view: PanelView;
  table: TableModel;
  arranged: Arranged;
  actions: Actions;
}

/** Weights of the moving average that can be chosen. */
const smoothings = [0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99];

export function toolbar(props: ToolbarProps): TemplateResult {
  const { view, actions, arranged, table } = props;
  return html`<div class="toolbar" role="toolbar" aria-label=${t('Table and charts')}>
    <vscode-textfield
      .label=${t('Filter arms')}
      placeholder=${t('Filter: {0}', 'lora  -full  recall_new>0.7  learning_rate=1e-3')}
      .value=${view.filter}
      @input=${(event: Event) => actions.view({ filter: (event.currentTarget as HTMLInputElement).value })}
    ></vscode-textfield>
    <span class="count" role="status">${t('{0} of {1} arms', arranged.arms, table.arms.length)}${arranged.problem ? `. ${arranged.problem}` : ''}</span>
    ${subjectChoice(props)}
    <label class="field"
      >${t('Smoothing')}
      <select @change=${(event: Event) => actions.view({ smoothing: Number((event.currentTarget as HTMLSelectElement).value) })}>
        ${smoothings.map((w) => html`<option value=${w} ?selected=${w === view.smoothing}>${w === 0 ? t('off') : w}</option>`)}
        ${smoothings.includes(view.smoothing) ? nothing : html`<option value=${view.smoothing} selected>${view.smoothing}</option>`}
      </select>
    </label>
    ${
      view.hidden.length > 0
        ? html`<vscode-button secondary @click=${() => actions.view({ hidden: [] })}>${t('Draw all arms')}</vscode-button>`
        : nothing
    }
    <vscode-button secondary @click=${() => actions.send({ type: 'saveView', view })}>${t('Save view…')}</vscode-button>
    ${exportMenu(props)}
  </div>`;
}

function subjectChoice({ state: { comparison }, actions }: ToolbarProps) {
  if (!comparison || comparison.arms.length < 3) return nothing;
  const { subject, baseline, arms } = comparison;
  return html`<label class="field"
    >${t('Subject')}
    <select
      title=${t('The arm that is held against every other in the charts of paired differences')}
      @change=${(event: Event) => actions.choose({ subject: (event.currentTarget as HTMLSelectElement).value })}
    >
      ${subject === undefined ? html`<option selected disabled value="">${t('none')}</option>` : nothing}
      ${arms
        .filter(({ name }) => name !== baseline)
        .map(({ name }) => html`<option value=${name} ?selected=${name === subject}>${name}</option>`)}
    </select>
  </label>`;
}

function exportMenu({ state, table, arranged, actions }: ToolbarProps) {
  const { title } = state;
  const copy = () =>
    actions.send({ type: 'copy', text: rowsMarkdown(title, table.columns, arranged.rows), what: t('the table') });
  const csv = () =>
    actions.send({ type: 'save', format: 'csv', name: 'runs', content: rowsCsv(table.columns, arranged.rows) });
  const whole = (format: 'html' | 'md' | 'csv' | 'json' | 'svg', text: string) =>
    html`<button @click=${() => actions.send({ type: 'export', format })}>${text}</button>`;
  return html`<details class="menu" @keydown=${closeOnEscape} @focusout=${closeWhenLeft}>
    <summary>${t('Export')}</summary>
    <div class="items" @click=${close}>
      <button @click=${copy}>${t('Copy table as Markdown')}</button>
      <button @click=${csv}>${t('CSV of the table')}</button>
      ${whole('html', t('Whole comparison as HTML'))} ${whole('md', t('Whole comparison as Markdown'))}
      ${whole('csv', t('All contrasts as CSV'))} ${whole('svg', t('All charts as SVG'))} ${whole('json', t('Everything as JSON'))}
    </div>
  </details>`;
}
