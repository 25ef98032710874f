import { svg } from 'lit';

const icon = (path: string) =>
  svg`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d=${path} fill="currentColor"></path></svg>`;

export const icons = {
  closed: icon('M6 3.5 11 8l-5 4.5z'),
  open: icon('M3.5 6h9L8 11z'),
  pin: icon(
    'M10 1.5 14.5 6l-1 1-.7-.2L10.500 9.100l.2 2.600-1 1-3-3L3 13.400l-.6-.6L6.100 9l-3-3 1-1 2.600.2L9 2.900 9 2.500z',
  ),
};
