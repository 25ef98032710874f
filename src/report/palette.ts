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
 * After Okabe and Ito, "Color Universal Design" (2008), told apart with all common kinds of colour blindness; orange, sky
 * blue and green are darkened for light backgrounds, blue, vermilion and purple lightened for dark ones.
 */
export const seriesStyles: readonly SeriesStyle[] = [
  { light: '#5b5b5b', dark: '#b5b5b5', marker: 'cross', dash: '' },
  { light: '#0072b2', dark: '#4ca6e0', marker: 'circle', dash: '' },
  { light: '#c24e00', dark: '#f0803c', marker: 'square', dash: '7 3' },
  { light: '#007f5f', dark: '#2fc39a', marker: 'triangle', dash: '2 3' },
  { light: '#a3548a', dark: '#dd92c2', marker: 'diamond', dash: '9 3 2 3' },
  { light: '#8f6a00', dark: '#e6b422', marker: 'star', dash: '4 2' },
  { light: '#2a7ea8', dark: '#8fd0f5', marker: 'wye', dash: '1 3' },
];

/** Beyond the rows of the table they begin again. */
export function styleOf(index: number): SeriesStyle {
  return seriesStyles[index % seriesStyles.length]!;
}
