import { t } from '../../src/base/translate.ts';
import type { Column, Row } from './rows.ts';

/** One condition of the filter box. */
type Condition = (row: Row, columns: readonly Column[]) => boolean;

const operators: Record<string, (a: number, b: number) => boolean> = {
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
};

export interface Filter {
  matches(row: Row): boolean;
  /** Words that name no column, as a sentence; undefined if all is understood. */
  problem?: string;
}

/**
 * The filter box: words that must all hold. `lora` looks in every cell, `-lora` excludes, `column=text` and `column!=text`
 * compare with a cell, `column>0.5` (also `<`, `>=`, `<=`) with its number. A column is named by the beginning of its header
 * or a part of its id, without spaces: `recall_new>0.7`, `loss,last<2`.
 */
export function parseFilter(text: string, columns: readonly Column[]): Filter {
  const problems: string[] = [];
  const conditions = text
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => condition(word, columns, problems));
  return {
    matches: (row) => conditions.every((holds) => holds(row, columns)),
    ...(problems.length > 0 && { problem: problems.join(' ') }),
  };
}

function condition(word: string, columns: readonly Column[], problems: string[]): Condition {
  const parts = /^([^<>=!]+)(>=|<=|!=|=|>|<)(.+)$/.exec(word);
  if (!parts) {
    const [excluded, text] = word.length > 1 && word.startsWith('-') ? [true, word.slice(1)] : [false, word];
    const wanted = text.toLowerCase();
    return (row) => row.cells.some((c) => includes(c.text, wanted) || includes(c.title, wanted)) !== excluded;
  }
  const [, name, operator, operand] = parts as unknown as [string, string, string, string];
  const at = findColumn(name, columns);
  if (at < 0) {
    problems.push(t('There is no column “{0}”.', name));
    return () => true;
  }
  const numeric = operators[operator];
  if (!numeric) {
    const equal = operator === '=';
    return (row) => includes(row.cells[at]?.text, operand.toLowerCase()) === equal;
  }
  const bound = Number(operand);
  if (Number.isNaN(bound)) {
    problems.push(t('“{0}” is no number.', operand));
    return () => true;
  }
  return (row) => {
    const value = row.cells[at]?.value;
    return typeof value === 'number' && numeric(value, bound);
  };
}

const includes = (text: string | undefined, wanted: string): boolean => text?.toLowerCase().includes(wanted) ?? false;

const plain = (text: string): string => text.toLowerCase().replaceAll(/\s+/g, '');

function findColumn(name: string, columns: readonly Column[]): number {
  const wanted = plain(name);
  const tests: ((c: Column) => boolean)[] = [
    (c) => plain(c.header) === wanted || c.id === name,
    (c) => plain(c.header).startsWith(wanted),
    (c) => plain(c.id).includes(wanted) || plain(c.header).includes(wanted),
  ];
  for (const test of tests) {
    const at = columns.findIndex(test);
    if (at >= 0) return at;
  }
  return -1;
}
