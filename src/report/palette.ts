export type Marker = 'circle' | 'square' | 'triangle' | 'diamond' | 'cross' | 'star' | 'wye';

/** How a series looks. Shape and dashes differ as well as colour, so that no reading depends on colour alone. */
export interface SeriesStyle {
  /** On a light background; contrast with white at least 3 : 1 (WCAG 2.2, 1.4.11). */
  light: string;
  /** On a dark background; contrast with #1e1e1e at least 3 : 1. */
  dark: string;
  marker: Marker;
  /** SVG `stroke-dasharray`; '' is solid. */
  dash: string;
}

/**
 * After Okabe and Ito, "Color Universal Design" (2008), and Tol's indigo; moved until every pair differs in brightness or in
 * blue against yellow, which readers without red or green cones still see (the tests measure it on both backgrounds).
 */
export const seriesStyles: readonly SeriesStyle[] = [
  { light: '#404040', dark: '#e8e8e8', marker: 'cross', dash: '' },
  { light: '#0072b2', dark: '#4ca6e0', marker: 'circle', dash: '' },
  { light: '#c24e00', dark: '#f0803c', marker: 'square', dash: '7 3' },
  { light: '#00856a', dark: '#2fc39a', marker: 'triangle', dash: '2 3' },
  { light: '#a3548a', dark: '#d988bd', marker: 'diamond', dash: '9 3 2 3' },
  { light: '#b08500', dark: '#e6b422', marker: 'star', dash: '4 2' },
  { light: '#332288', dark: '#9fa8ff', marker: 'wye', dash: '1 3' },
];

/** Beyond the rows of the table colours begin again with other markers and dashes. */
export function styleOf(index: number): SeriesStyle {
  const rows = seriesStyles.length;
  const { light, dark } = seriesStyles[index % rows]!;
  const { marker, dash } = seriesStyles[(index + Math.floor(index / rows)) % rows]!;
  return { light, dark, marker, dash };
}
