import { csv } from './exports/csv.ts';
import { html } from './exports/html.ts';
import { json } from './exports/json.ts';
import { markdown } from './exports/markdown.ts';
import { svg } from './exports/svg.ts';
import { type TableOptions, verdictTable } from './exports/table.ts';
import type { Comparison } from './types.ts';

export const formats = ['table', 'md', 'csv', 'json', 'svg', 'html'] as const;
export type Format = (typeof formats)[number];

export interface WriteOptions extends TableOptions {
  /** For `svg`: the id of the only chart to draw. */
  chart?: string;
}

interface Export {
  /** One line for `--help` and menus. */
  summary: string;
  write(comparison: Comparison, options: WriteOptions): string;
}

/** Every form a comparison can be written in. All draw the same value and compute nothing. */
export const exports: Record<Format, Export> = {
  table: { summary: 'text for the terminal', write: (c, options) => `${verdictTable(c, options)}\n` },
  md: { summary: 'Markdown document', write: markdown },
  csv: { summary: 'one row a contrast, unrounded', write: csv },
  json: { summary: 'everything, for programs', write: json },
  svg: { summary: 'all charts on one sheet, or one', write: svg },
  html: { summary: 'one self-contained page', write: html },
};

/** The format that a file name asks for by its ending; undefined if none does. */
export function formatOfFile(path: string): Format | undefined {
  const ending = /\.([a-z]+)$/.exec(path.toLowerCase())?.[1];
  const named: Partial<Record<string, Format>> = { txt: 'table', htm: 'html' };
  return formats.find((f) => f === ending) ?? (ending === undefined ? undefined : named[ending]);
}
