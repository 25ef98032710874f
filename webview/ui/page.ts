import { html, nothing, type TemplateResult } from 'lit';
import { t } from '../../src/base/translate.ts';
import type { PanelState } from '../../src/protocol/panel.ts';
import { headlines, missingLines, summaryLine } from '../../src/report/words.ts';
import type { Actions } from './actions.ts';

/** What is said above table and charts: title, verdict, what is missing, what happened. */
export function heading(state: PanelState, actions: Actions): TemplateResult {
  const { comparison, title, source } = state;
  return html`<header class="page">
    <h1>${title}</h1>
    ${comparison && comparison.arms.length > 0 ? html`<p class="quiet">${summaryLine(comparison)}</p>` : nothing}
    ${
      source.kind === 'experiment'
        ? html`<button class="link" @click=${() => actions.send({ type: 'openExperiment' })}>${t('Open the experiment file')}</button>`
        : nothing
    }
  </header>`;
}

export function messages(state: PanelState, actions: Actions): TemplateResult {
  const { comparison, problem, notices, busy } = state;
  const missing = comparison ? missingLines(comparison) : [];
  return html`
    ${
      problem
        ? html`<div class="problem" role="alert">
          <p>${problem.message} ${problem.remedy ?? ''}</p>
          ${comparison ? html`<p>${t('What is shown is the last comparison that could be made.')}</p>` : nothing}
          <vscode-button secondary @click=${() => actions.send({ type: 'retry' })}>${t('Try again')}</vscode-button>
        </div>`
        : nothing
    }
    <div role="status" class="messages">
      ${busy ? html`<p class="busy">${busy}…</p>` : nothing}
      ${notices.map((text) => html`<p class="notice">${text}</p>`)}
    </div>
    ${comparison && comparison.arms.length > 0 ? list(t('Verdict'), headlines(comparison), true) : nothing}
    ${list(t('Missing'), missing, missing.length <= 3)}
    ${comparison ? list(t('To know'), comparison.notes, false) : nothing}
    ${
      comparison && comparison.stale.length > 0
        ? list(
            t('Older runs that the file no longer resolves to, not compared'),
            comparison.stale.map((s) => s.id),
            false,
          )
        : nothing
    }
  `;
}

function list(title: string, lines: readonly string[], open: boolean) {
  if (lines.length === 0) return nothing;
  return html`<details class="lines" ?open=${open}>
    <summary>${title} (${lines.length})</summary>
    <ul>
      ${lines.map((line) => html`<li>${line}</li>`)}
    </ul>
  </details>`;
}
