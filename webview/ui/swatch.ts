import { symbol } from 'd3-shape';
import { svg } from 'lit';
import { styleOf } from '../../src/report/palette.ts';
import { markers } from '../../src/report/svg.ts';
import { seriesColour, type Theme } from './theme.ts';

/** The look of a series in small: its dashes and its marker, the same in table, legend and tooltip as in every chart. */
export function swatch(style: number, theme: Theme, line = true) {
  const colour = seriesColour(style, theme);
  const { marker, dash } = styleOf(style);
  return svg`<svg class="swatch" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true">
    ${line ? svg`<line x1="0" x2="28" y1="7" y2="7" stroke=${colour} stroke-width="2" stroke-dasharray=${dash}></line>` : ''}
    <path d=${symbol(markers[marker], 46).digits(2)() ?? ''} fill=${colour} transform="translate(14 7)"></path>
  </svg>`;
}
