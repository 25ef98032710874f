import { html, nothing, type TemplateResult } from 'lit';
import { t } from '../../src/base/translate.ts';
import type { PanelView } from '../../src/protocol/panel.ts';
import type { Comparison, DocumentText } from '../../src/report/types.ts';
import { flipChoices, flipsOf } from '../model/flips.ts';
import type { Actions } from './actions.ts';

/** Documents that one arm answers and another does not, with prompt and both answers. */
export function documentSection(
  comparison: Comparison,
  view: PanelView,
  actions: Actions,
): TemplateResult | typeof nothing {
  const choices = flipChoices(comparison);
  if (choices.length === 0) return nothing;
  const chosen = choices.find((c) => c.key === view.documents) ?? choices[0]!;
  const { contrast, gained, lost } = flipsOf(comparison, chosen);
  return html`<section class="documents" aria-labelledby="documents-title">
    <h2 id="documents-title">${t('Documents that flipped')}</h2>
    <vscode-single-select
      .label=${t('Contrast')}
      .value=${chosen.key}
      @change=${(event: Event) => actions.view({ documents: (event.currentTarget as HTMLSelectElement).value })}
    >
      ${choices.map(({ key, label }) => html`<vscode-option .value=${key} ?selected=${key === chosen.key}>${label}</vscode-option>`)}
    </vscode-single-select>
    ${side(t('{0} answers, {1} does not', contrast.arm, contrast.against), gained, contrast.arm, contrast.against)}
    ${side(t('{0} answers, {1} does not', contrast.against, contrast.arm), lost, contrast.arm, contrast.against)}
  </section>`;
}

function side(title: string, { all, shown }: { all: number; shown: DocumentText[] }, arm: string, against: string) {
  if (all === 0) return nothing;
  const count = shown.length < all ? t('the first {0} of {1}', shown.length, all) : String(all);
  return html`<details class="flips" open>
    <summary>${title} (${count})</summary>
    <ol>
      ${shown.map(
        ({ doc, context, expected, answers }) =>
          html`<li>
            <p class="prompt">${context}</p>
            <dl>
              <dt>${t('expected')}</dt>
              <dd>${expected}</dd>
              <dt>${arm}</dt>
              <dd>${answers[arm] ?? '–'}</dd>
              <dt>${against}</dt>
              <dd>${answers[against] ?? '–'}</dd>
              <dt>${t('document')}</dt>
              <dd>${doc}</dd>
            </dl>
          </li>`,
      )}
    </ol>
  </details>`;
}
