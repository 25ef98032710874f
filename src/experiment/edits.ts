import type { Path, Tree } from './tree.ts';
import type { Fix, Range } from './types.ts';

type Edit = Fix['edits'][number];

/** The text with a fix carried out. Edits may come in any order and do not overlap. */
export function applyFix(text: string, fix: Fix): string {
  const edits = [...fix.edits].sort((a, b) => b.range.start - a.range.start);
  return edits.reduce((t, { range, text: put }) => t.slice(0, range.start) + put + t.slice(range.end), text);
}

/** Puts `text` in place of a value. */
export function replaceValue(tree: Tree, path: Path, text: string): Edit[] {
  const entry = tree.entry(path);
  if (entry?.value) return [{ range: entry.value, text }];
  if (!entry?.key) return [];
  // Nothing is written behind the key: the value goes behind its colon.
  const colon = tree.text.indexOf(':', entry.key.end);
  return [{ range: { start: colon + 1, end: colon + 1 }, text: ` ${text}` }];
}

/** Puts another name in place of a key. */
export function renameKey(tree: Tree, path: Path, text: string): Edit[] {
  return [{ range: tree.keyRangeOf(path), text }];
}

/** Takes an entry of a mapping or list out, with its line or its comma; `{}` stays of a mapping that had nothing else. */
export function removeEntry(tree: Tree, path: Path): Edit[] {
  const entry = tree.entry(path);
  const here = entry?.key ?? entry?.value;
  if (!entry || !here) return [];
  const parent = path.slice(0, -1);
  if (entry.key && Object.keys(tree.at(parent) ?? {}).length === 1 && parent.length > 0) {
    const { key, value } = tree.entry(parent)!;
    const start = key ? tree.text.indexOf(':', key.end) + 1 : value!.start;
    return [{ range: { start, end: value!.end }, text: key ? ' {}' : '{}' }];
  }
  const range = { start: here.start, end: (entry.value ?? here).end };
  return [{ range: entry.flow ? withComma(tree.text, range) : withLine(tree, path, range), text: '' }];
}

/** With the comma behind, or the one before if it is the last entry. */
function withComma(text: string, { start, end }: Range): Range {
  const behind = /^\s*,\s*/.exec(text.slice(end));
  if (behind) return { start, end: end + behind[0].length };
  const before = /,\s*$/.exec(text.slice(0, start));
  return { start: start - (before?.[0].length ?? 0), end };
}

/** Whole lines, unless something else stands on the first one (`- a: 1` where `a` is removed). */
function withLine(tree: Tree, path: Path, { start, end }: Range): Range {
  const { text } = tree;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = text.indexOf('\n', end);
  const through = lineEnd < 0 ? text.length : lineEnd + 1;
  const alone = typeof path.at(-1) === 'string' ? /^\s*$/ : /^\s*-\s*$/;
  if (alone.test(text.slice(lineStart, start)) && /^\s*(#.*)?$/.test(text.slice(end, through)))
    return { start: lineStart, end: through };
  return { start, end };
}

/** Adds `key: value` at the end of a mapping (which must hold something, or be `{}`). */
export function addEntry(tree: Tree, path: Path, key: string, value: string): Edit[] {
  const mapping = tree.at(path);
  const keys = typeof mapping === 'object' && mapping !== null ? Object.keys(mapping) : [];
  const range = tree.rangeOf(path);
  if (keys.length === 0)
    return tree.text.slice(range.start, range.end) === '{}' ? [{ range, text: `{ ${key}: ${value} }` }] : [];
  const last = [...path, keys.at(-1)!];
  const entry = tree.entry(last);
  const at = (entry?.value ?? entry?.key)?.end;
  if (!entry?.key || at === undefined) return [];
  if (entry.flow) return [{ range: { start: at, end: at }, text: `, ${key}: ${value}` }];
  const lineEnd = tree.text.indexOf('\n', at);
  const end = lineEnd < 0 ? tree.text.length : lineEnd;
  const indent = ' '.repeat(tree.position(entry.key.start).column - 1);
  return [{ range: { start: end, end }, text: `\n${indent}${key}: ${value}` }];
}

/** `key: value # comment`; the comment is left out where it cannot stand. */
export interface NewEntry {
  key: string;
  value: string;
  comment?: string;
}

/**
 * Puts entries into a mapping: in the place of what a key has, or behind what is there. A mapping that is empty, or not written
 * yet, is made, in lines where it can be.
 */
export function putEntries(tree: Tree, path: Path, entries: readonly NewEntry[]): Edit[] {
  const holder = tree.entry(path);
  const mapping = tree.at(path);
  const there = isMapping(mapping) ? Object.keys(mapping) : [];
  if (there.length === 0) return newMapping(tree, path, entries);
  const last = tree.entry([...path, there.at(-1)!]);
  const at = (last?.value ?? last?.key)?.end;
  if (!holder || !last?.key || at === undefined) return [];
  const { flow } = last;
  const changed = entries.filter(({ key }) => there.includes(key));
  const added = entries.filter(({ key }) => !there.includes(key));
  const replaced = changed.flatMap(({ key, value }): Edit[] => {
    const entry = tree.entry([...path, key]);
    if (!entry?.key) return [];
    const start = tree.text.indexOf(':', entry.key.end) + 1;
    return [{ range: { start, end: Math.max(start, entry.value?.end ?? 0) }, text: ` ${value}` }];
  });
  if (added.length === 0) return replaced;
  const end = flow ? at : endOfLine(tree.text, at);
  const indent = ' '.repeat(tree.position(last.key.start).column - 1);
  const text = flow
    ? added.map(({ key, value }) => `, ${key}: ${value}`).join('')
    : added.map((entry) => `\n${indent}${line(entry)}`).join('');
  return [...replaced, { range: { start: end, end }, text }];
}

function newMapping(tree: Tree, path: Path, entries: readonly NewEntry[]): Edit[] {
  const entry = tree.entry(path);
  if (!entry?.key || entries.length === 0) return [];
  const colon = tree.text.indexOf(':', entry.key.end) + 1;
  const range = { start: colon, end: Math.max(colon, entry.value?.end ?? 0) };
  if (entry.flow) return [{ range, text: ` { ${entries.map(({ key, value }) => `${key}: ${value}`).join(', ')} }` }];
  const indent = ' '.repeat(tree.position(entry.key.start).column + 1);
  // Behind a comment of the key, which stays.
  const lines = entries.map((e) => `\n${indent}${line(e)}`).join('');
  const end = endOfLine(tree.text, range.end);
  const emptied: Edit[] = range.end > range.start ? [{ range, text: '' }] : [];
  return [...emptied, { range: { start: end, end }, text: lines }];
}

const line = ({ key, value, comment }: NewEntry): string =>
  `${key}: ${value}${comment === undefined ? '' : ` # ${comment}`}`;

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  const line = text.slice(0, end < 0 ? text.length : end);
  return line.length - (line.endsWith('\r') ? 1 : 0);
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where a written value is quoted or plain text that reads as itself in YAML. */
export function yamlText(value: string): string {
  return /^[A-Za-z./][A-Za-z0-9_./+ -]*$/.test(value) && !/^(true|false|null|\.+|\.(inf|nan|\d.*))$|\s$/i.test(value)
    ? value
    : JSON.stringify(value);
}
