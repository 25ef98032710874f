import type { Heat } from './layers/importance.ts';

/** One colour of our own, by kind of theme; users and themes can set it under its id. */
export interface ColourRow {
  /** `package.nls.json` has it under `colour.<id>`. */
  description: string;
  defaults: { dark: string; light: string; highContrast: string; highContrastLight: string };
}

const fifths = ['least important', 'less important', 'middle', 'more important', 'most important'];
const heat = (
  level: Heat,
  dark: string,
  light: string,
  highContrast: string,
  highContrastLight: string,
): ColourRow => ({
  description: `Layers view: names of the ${fifths[level - 1]} fifth of the layers.`,
  defaults: { dark, light, highContrast, highContrastLight },
});

/** From grey to red, each readable as text in its kind of theme; the number stands beside it. */
export const colours = {
  'strata.importance1': heat(1, '#8c96a3', '#5d656e', '#b0b0b0', '#545454'),
  'strata.importance2': heat(2, '#b3a58a', '#6e5f38', '#d0c090', '#6b5200'),
  'strata.importance3': heat(3, '#d6a65a', '#845000', '#ffd24a', '#7a4100'),
  'strata.importance4': heat(4, '#f0953a', '#9a3d00', '#ffa53d', '#8f2f00'),
  'strata.importance5': heat(5, '#ff7a5c', '#b3200e', '#ff8a70', '#a30000'),
} as const satisfies Record<string, ColourRow>;

export type ColourId = keyof typeof colours;

export const heatColour = (level: Heat): ColourId => `strata.importance${level}`;
