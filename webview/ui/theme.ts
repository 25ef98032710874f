import { styleOf } from '../../src/report/palette.ts';

/** What a canvas, which inherits nothing, needs of the editor's theme. */
export interface Theme {
  /** Which colours of `seriesStyles` stand out. */
  kind: 'light' | 'dark';
  highContrast: boolean;
  screenReader: boolean;
  foreground: string;
  background: string;
  grid: string;
  guide: string;
  selection: string;
  focus: string;
  font: string;
}

export function readTheme(body: HTMLElement = document.body): Theme {
  const { classList } = body;
  const style = getComputedStyle(document.documentElement);
  const variable = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  const light = classList.contains('vscode-light') || classList.contains('vscode-high-contrast-light');
  const highContrast = classList.contains('vscode-high-contrast') || classList.contains('vscode-high-contrast-light');
  const foreground = variable('--vscode-foreground', light ? '#3b3b3b' : '#cccccc');
  return {
    kind: light ? 'light' : 'dark',
    highContrast,
    screenReader: classList.contains('vscode-using-screen-reader'),
    foreground,
    background: variable('--vscode-editor-background', light ? '#ffffff' : '#1e1e1e'),
    grid: translucent(foreground, highContrast ? 0.4 : 0.14),
    guide: translucent(foreground, highContrast ? 0.9 : 0.55),
    selection: translucent(foreground, 0.15),
    focus: variable('--vscode-focusBorder', foreground),
    font: variable('--vscode-font-family', 'system-ui, sans-serif'),
  };
}

/** Calls `changed` whenever the editor changes its theme. */
export function watchTheme(changed: () => void): void {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
}

const pen = document.createElement('canvas').getContext('2d');

/** Any colour that CSS can name, with another opacity. */
export function translucent(colour: string, opacity: number): string {
  if (!pen) return colour;
  pen.fillStyle = '#000000';
  pen.fillStyle = colour;
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/.exec(String(pen.fillStyle));
  const parts = hex?.slice(1).map((digits) => Number.parseInt(digits, 16));
  return parts ? `rgba(${parts.join(',')},${opacity})` : colour;
}

export const seriesColour = (style: number, theme: Pick<Theme, 'kind'>): string => styleOf(style)[theme.kind];
