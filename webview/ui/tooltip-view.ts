import { html, nothing, render } from 'lit';
import type { Tooltip } from '../model/tooltip.ts';
import { swatch } from './swatch.ts';
import type { Theme } from './theme.ts';

/** The one tooltip of the panel. It is for the eye; the same words are spoken by the live region. */
export function createTooltip(element: HTMLElement) {
  return {
    show(tooltip: Tooltip, theme: Theme, at: { left: number; top: number }): void {
      render(
        html`<p class="heading">${tooltip.heading}</p>
          ${tooltip.sections.map(
            ({ title, rows }) =>
              html`${title ? html`<p class="section">${title}</p>` : nothing}
                <ul>
                  ${rows.map((row) => html`<li>${swatch(row.style, theme)}<span>${row.name}</span><span class="value">${row.value}</span></li>`)}
                </ul>`,
          )}`,
        element,
      );
      element.hidden = false;
      const { offsetWidth, offsetHeight } = element;
      const left = at.left + 16 + offsetWidth > window.innerWidth ? at.left - 16 - offsetWidth : at.left + 16;
      const top = Math.min(at.top, window.innerHeight - offsetHeight - 4);
      element.style.left = `${Math.max(4, left)}px`;
      element.style.top = `${Math.max(4, top)}px`;
    },
    hide(): void {
      element.hidden = true;
    },
  };
}
