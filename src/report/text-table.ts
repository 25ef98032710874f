/** Columns of monospaced text. */
export interface Column {
  /** One or more lines. */
  header: string[];
  align: 'left' | 'right';
  cells: string[];
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences of colours take no room on the screen.
const colours = /\u001b\[[0-9;]*m/g;

/** Cells a text takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(colours, '')) {
    if (/\p{Mark}/u.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const room = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + room : room + text;
}

const gap = '  ';

function widthOf({ header, cells }: Column): number {
  return Math.max(0, ...[...header, ...cells].map(displayWidth));
}

/**
 * Lines of a table no wider than `columns`. Where it would be wider, the first column (the rows' names) is repeated and the
 * rest continues below, after an empty line; nothing is cut off.
 */
export function textTable([names, ...rest]: readonly Column[], columns: number): string[] {
  if (!names) return [];
  const lines: string[] = [];
  const nameWidth = widthOf(names);
  for (let start = 0; start === 0 || start < rest.length; ) {
    let end = start;
    for (let width = nameWidth; end < rest.length; end++) {
      width += gap.length + widthOf(rest[end]!);
      if (width > columns && end > start) break;
    }
    if (lines.length > 0) lines.push('');
    lines.push(...drawTable([names, ...rest.slice(start, end)]));
    if (end === start) break;
    start = end;
  }
  return lines;
}

function drawTable(table: readonly Column[]): string[] {
  const widths = table.map(widthOf);
  const headerLines = Math.max(...table.map((c) => c.header.length));
  const row = (cell: (c: Column) => string) =>
    table
      .map((c, i) => pad(cell(c), widths[i]!, c.align))
      .join(gap)
      .trimEnd();
  return [
    ...Array.from({ length: headerLines }, (_, i) => row((c) => c.header[i] ?? '')),
    widths.map((w) => '─'.repeat(w)).join(gap),
    ...table[0]!.cells.map((_, i) => row((c) => c.cells[i] ?? '')),
  ];
}

/** Breaks a sentence at spaces; `first` stands before the first line and `indent` before the others. */
export function wrap(text: string, columns: number, indent = '', first = ''): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(/\s+/)) {
    if (!empty && displayWidth(line) + 1 + displayWidth(word) > columns) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}
