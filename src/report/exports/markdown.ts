import { importanceTables } from '../importance-tables.ts';
import {
  armTable,
  differenceTable,
  runTable,
  scoreTable,
  type Table,
  verdictMatrix,
  verdictTables,
} from '../tables.ts';
import type { Comparison } from '../types.ts';
import { headlines, method, missingLines, overlapLines, staleLines, staleTitles, summaryLine } from '../words.ts';

/** Characters that Markdown would read as markup or that would end a cell. */
export function escapeCell(text: string): string {
  return text.replace(/[\\`*_[\]<>|]/g, '\\$&').replace(/\s*\n\s*/g, ' ');
}

/** A GitHub-flavoured table under its caption. */
export function markdownTable({ caption, columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `**${escapeCell(caption)}**`,
    '',
    line(columns.map((c) => escapeCell(c.header))),
    line(columns.map((c) => (c.align === 'right' ? '---:' : '---'))),
    ...rows.map((row) => line(row.map(escapeCell))),
  ].join('\n');
}

const bullets = (lines: readonly string[]): string => lines.map((l) => `- ${escapeCell(l)}`).join('\n');

/** The comparison as a Markdown document, for repositories and issues. */
export function markdown(comparison: Comparison): string {
  const verdicts = headlines(comparison);
  const matrix = verdictMatrix(comparison);
  const differences = differenceTable(comparison);
  const older = staleLines(comparison);
  const parts = [
    `# ${escapeCell(comparison.title)}`,
    escapeCell(summaryLine(comparison)),
    ...(matrix ? ['## Verdict', bullets(verdicts), markdownTable(matrix)] : []),
    '## Arms',
    markdownTable(scoreTable(comparison)),
    markdownTable(armTable(comparison)),
    ...(differences ? [markdownTable(differences)] : []),
    ...(comparison.missing.length > 0 ? ['## Missing', bullets(missingLines(comparison))] : []),
    ...(['superseded', 'stale'] as const).flatMap((kind) =>
      older[kind].length > 0 ? [`## ${escapeCell(staleTitles[kind])}`, bullets(older[kind])] : [],
    ),
    ...(comparison.overlaps.length > 0 ? ['## Seen in training', bullets(overlapLines(comparison))] : []),
    ...(comparison.notes.length > 0 ? ['## Notes', bullets(comparison.notes)] : []),
    ...(matrix ? ['## Paired differences', ...verdictTables(comparison).map(markdownTable)] : []),
    ...(comparison.importance
      ? ['## Importance by layer', ...importanceTables(comparison.importance).map(markdownTable)]
      : []),
    '## Runs',
    markdownTable(runTable(comparison)),
    '## How to read it',
    ...method(comparison).map(escapeCell),
    `Strata ${comparison.version}, bootstrap seed ${comparison.method.seed}.`,
  ];
  return `${parts.join('\n\n')}\n`;
}
