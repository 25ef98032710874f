import { type Document, isAlias, isMap, isScalar, isSeq, type Pair, parseDocument, type Scalar } from 'yaml';
import { tooDeep } from './nesting.ts';
import type { Range } from './types.ts';

/** Keys and indices from the root: `['arms', 's', 'train', 0]`. */
export type Path = readonly (string | number)[];

/** Something that the text itself is wrong about, before any schema. */
export interface TextProblem {
  code: 'yaml-syntax' | 'yaml-anchor' | 'yaml-tag' | 'yaml-key' | 'duplicate-key';
  range: Range;
  message: string;
  path: Path;
}

/** Where one entry of a mapping or list stands. */
export interface Entry {
  /** Undefined for entries of lists. */
  key?: Range;
  /** Undefined where nothing is written. */
  value?: Range;
  /** The mapping or list that it stands in: `{…}` and `[…]` are flow. */
  flow: boolean;
}

/** A text with its values and their places. Never throws, whatever the text. */
export interface Tree {
  readonly text: string;
  /** Mappings, lists and scalars as plain data; the first of two equal keys counts, aliases are left out. */
  readonly value: unknown;
  readonly problems: TextProblem[];
  /** Whether something is written at this path. */
  has(path: Path): boolean;
  /** Plain data at this path. */
  at(path: Path): unknown;
  /** The entry at this path, if it is written. */
  entry(path: Path): Entry | undefined;
  /** Characters of the value; else of the key; else of the nearest written parent's key. */
  rangeOf(path: Path): Range;
  /** Characters of the key; of the value where there is no key. */
  keyRangeOf(path: Path): Range;
  /** Characters `[start, end)` of a scalar's value; the whole value where escapes make the places differ. */
  rangeInside(path: Path, start: number, end: number): Range;
  /** Path of the innermost entry around an offset, and whether the offset is in its key. */
  pathAt(offset: number): { path: Path; inKey: boolean };
  /** 1-based. */
  position(offset: number): { line: number; column: number };
}

interface Node {
  entry: Entry;
  children?: Map<string | number, Node>;
  scalar?: Scalar;
}

/** `prefix` is `path` or stands above it. */
export function startsWith(path: Path, prefix: Path): boolean {
  return prefix.length <= path.length && prefix.every((part, i) => part === path[i]);
}

/** Reads YAML 1.2. Anchors, aliases, tags of one's own and keys that are no texts are problems. */
export function readTree(text: string): Tree {
  const deep = tooDeep(text);
  const document = parseDocument(deep === undefined ? text : '', {
    version: '1.2',
    uniqueKeys: false,
    prettyErrors: false,
  });
  const problems: TextProblem[] = deep === undefined ? syntaxProblems(document, text) : [nestedAt(deep)];
  const { node: root, value } = build(document.contents, { flow: false }, [], text, problems);
  const find = (path: Path): Node | undefined => {
    let node: Node | undefined = root;
    for (const part of path) node = node?.children?.get(part);
    return node;
  };
  const lineStarts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lineStarts.push(i + 1);

  const tree: Tree = {
    text,
    value,
    problems,
    has: (path) => find(path) !== undefined,
    at: (path) => path.reduce<unknown>((v, part) => property(v, part), value),
    entry: (path) => find(path)?.entry,
    rangeOf(path) {
      const entry = find(path)?.entry;
      return (
        entry?.value ?? entry?.key ?? (path.length === 0 ? { start: 0, end: 0 } : tree.keyRangeOf(path.slice(0, -1)))
      );
    },
    keyRangeOf(path) {
      if (path.length === 0) return { start: 0, end: 0 };
      const entry = find(path)?.entry;
      return entry?.key ?? entry?.value ?? tree.keyRangeOf(path.slice(0, -1));
    },
    rangeInside(path, start, end) {
      const whole = tree.rangeOf(path);
      const scalar = find(path)?.scalar;
      const written = text.slice(whole.start, whole.end);
      const shift = [0, 1].find((s) => written.slice(s, written.length - s) === scalar?.value);
      return shift === undefined ? whole : { start: whole.start + shift + start, end: whole.start + shift + end };
    },
    pathAt(offset) {
      let path: Path = [];
      let node = root;
      for (;;) {
        const next: [string | number, Node] | undefined = [...(node.children ?? [])].find(([, child]) =>
          covers(child, offset),
        );
        if (!next) return { path, inKey: node.entry.key !== undefined && inside(node.entry.key, offset) };
        path = [...path, next[0]];
        node = next[1];
      }
    },
    position(offset) {
      let low = 0;
      for (let high = lineStarts.length; high - low > 1; ) {
        const middle = (low + high) >> 1;
        if (lineStarts[middle]! <= offset) low = middle;
        else high = middle;
      }
      return { line: low + 1, column: offset - lineStarts[low]! + 1 };
    },
  };
  return tree;
}

/** Own property of a mapping or list; undefined for anything else. */
export function property(value: unknown, part: string | number): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, part)
    ? (value as Record<string | number, unknown>)[part]
    : undefined;
}

function inside(range: Range, offset: number): boolean {
  return offset >= range.start && offset <= range.end;
}

function covers(node: Node, offset: number): boolean {
  const { key, value } = node.entry;
  return inside({ start: (key ?? value)?.start ?? Infinity, end: (value ?? key)?.end ?? -Infinity }, offset);
}

function syntaxProblems(document: Document.Parsed, text: string): TextProblem[] {
  return [
    ...document.errors.map(
      (error): TextProblem => ({
        code: 'yaml-syntax',
        range: clamp(error.pos, text),
        message:
          error.code === 'MULTIPLE_DOCS'
            ? 'An experiment file is one YAML document. Remove `---` and what does not belong here.'
            : `This is not valid YAML: ${sentenceOf(error.message)}`,
        path: [],
      }),
    ),
    ...document.warnings.map(
      (warning): TextProblem => ({
        code: 'yaml-tag',
        range: clamp(warning.pos, text),
        message: `Tags are not used in experiment files: ${sentenceOf(warning.message)} Remove the tag.`,
        path: [],
      }),
    ),
  ];
}

function nestedAt(offset: number): TextProblem {
  const message = 'This is nested too deeply to be read: lists and mappings in one another, hundreds of them.';
  return { code: 'yaml-syntax', range: { start: offset, end: offset + 1 }, message, path: [] };
}

function sentenceOf(message: string): string {
  const first = message.split('\n')[0]!.trim().replace(/:$/, '');
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

function clamp([start, end]: readonly [number, number], text: string): Range {
  const from = Math.max(0, Math.min(start, text.length));
  return { start: from, end: Math.max(from, Math.min(end, text.length)) };
}

/** The places and the plain value of a YAML node. */
function build(
  node: unknown,
  entry: Entry,
  path: Path,
  text: string,
  problems: TextProblem[],
): { node: Node; value: unknown } {
  const range = rangeOfNode(node, text);
  const here: Node = { entry: { ...entry, value: range } };
  const anchor = (node as { anchor?: string } | null)?.anchor;
  if (anchor !== undefined) {
    const start = text.lastIndexOf(`&${anchor}`, range?.start ?? text.length);
    problems.push({
      code: 'yaml-anchor',
      range: { start, end: start + anchor.length + 1 },
      message: `Anchors (&${anchor}) are not used in experiment files. Write the value out where it is needed.`,
      path,
    });
  }
  if (isMap(node)) {
    const entries: [string, unknown][] = [];
    here.children = new Map();
    for (const pair of node.items) addPair(pair, node.flow === true, path, text, problems, here.children, entries);
    // fromEntries makes own properties, also of a key `__proto__`.
    return { node: here, value: Object.fromEntries(entries) };
  }
  if (isSeq(node)) {
    const built = node.items.map((item, i) => build(item, { flow: node.flow === true }, [...path, i], text, problems));
    here.children = new Map(built.map((b, i) => [i, b.node]));
    return { node: here, value: built.map((b) => b.value) };
  }
  if (isAlias(node)) {
    problems.push({
      code: 'yaml-anchor',
      range: range ?? { start: 0, end: 0 },
      message: `Aliases (*${node.source}) are not used in experiment files. Write the value out.`,
      path,
    });
    return { node: here, value: undefined };
  }
  if (isScalar(node)) {
    here.scalar = node;
    return { node: here, value: node.value };
  }
  return { node: here, value: null };
}

function addPair(
  pair: Pair,
  flow: boolean,
  path: Path,
  text: string,
  problems: TextProblem[],
  children: Map<string | number, Node>,
  entries: [string, unknown][],
): void {
  const keyRange = rangeOfNode(pair.key, text) ?? rangeOfNode(pair.value, text) ?? { start: 0, end: 0 };
  if (!isScalar(pair.key)) {
    problems.push({ code: 'yaml-key', range: keyRange, message: 'A key must be a plain word.', path });
    return;
  }
  const key = String(pair.key.value ?? '');
  if (children.has(key)) {
    problems.push({
      code: 'duplicate-key',
      range: keyRange,
      message: `\`${key}\` is written twice here. Keep one of them.`,
      path: [...path, key],
    });
    return;
  }
  const built = build(pair.value, { key: keyRange, flow }, [...path, key], text, problems);
  children.set(key, built.node);
  entries.push([key, built.value]);
}

/** Range of what is written, without white space behind it; undefined for an empty value. */
function rangeOfNode(node: unknown, text: string): Range | undefined {
  const range = (node as { range?: [number, number, number] | null } | null)?.range;
  if (!range) return undefined;
  const { start, end } = clamp([range[0], range[1]], text);
  const trimmed = start + text.slice(start, end).trimEnd().length;
  return trimmed > start ? { start, end: trimmed } : undefined;
}
