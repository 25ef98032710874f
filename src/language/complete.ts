import * as z from 'zod';
import { defaultText, expectation, ruleOf, unwrap } from '../experiment/expect.ts';
import { type Path, property } from '../experiment/tree.ts';
import { isAvailable } from './availability.ts';
import { fileKind, isMeant, patternOf, schemaValues, sourceOf, yamlOf } from './complete-values.ts';
import { type Cursor, cursorAt } from './cursor.ts';
import { armForms } from './forms.ts';
import type { Candidate, Item } from './item.ts';
import { isNaming, type KnownKey, keysAt, schemasAt } from './schema-walk.ts';
import type { View } from './view.ts';

/** A file or folder that a path being typed could go on with. */
export interface PathEntry {
  name: string;
  kind: 'file' | 'folder';
  /** A folder that holds a model. */
  model?: boolean;
  /** The name is the whole value, wherever it lies: the id of a model in a cache. `detail` says which. */
  id?: { detail: string };
}

/** What completion must be told of the disk: undefined where no path is being written. `ids`: models by name, too. */
export function folderWanted(view: View, offset: number): { folder: string; ids: boolean } | undefined {
  const cursor = cursorAt(view.text, offset);
  if (cursor?.slot !== 'value' || fileKind(cursor.path) === undefined) return undefined;
  return { folder: cursor.typed.slice(0, cursor.typed.lastIndexOf('/') + 1), ids: patternOf(cursor.path) === 'model' };
}

/** What can be written at an offset, in the order in which it is offered. `entries` are those of the folder that was wanted. */
export function complete(view: View, offset: number, entries: readonly PathEntry[] = []): Item[] {
  const cursor = cursorAt(view.text, offset);
  if (!cursor) return [];
  const written = valueAround(view, cursor);
  const candidates = offered(view, cursor, written, entries);
  return candidates.map((candidate) => fitted(candidate, cursor));
}

function offered(view: View, cursor: Cursor, written: Root, entries: readonly PathEntry[]): Candidate[] {
  const { slot, path } = cursor;
  if (slot === 'key') return keyCandidates(view, cursor, path, written);
  if (slot === 'value') return valueCandidates(view, cursor, path, written, entries);
  const keys = keyCandidates(view, cursor, path, written);
  if (keys.length > 0) return keys;
  // Below a key whose value is a list: its next entry.
  const next = [...path, cursor.before.length];
  const isList = schemasAt(path, written.value).some(holdsList);
  if (!isList) return [];
  const items = valueCandidates(view, cursor, next, written, entries);
  return items.map((item) => ({ ...item, label: `- ${item.label ?? item.text}`, text: `- ${item.text}` }));
}

interface Root {
  /** The whole file as plain data, without the entry at the cursor. */
  value: unknown;
}

/** What is written, with the entry at the cursor taken out, so that it does not decide about itself. */
function valueAround({ tree }: View, { slot, path, typed, before }: Cursor): Root {
  const holder = slot === 'value' ? path.slice(0, -1) : path;
  const own = slot === 'value' ? path.at(-1) : typed;
  const put = (value: unknown, rest: Path): unknown => {
    const [part, ...more] = rest;
    const record = isRecord(value) ? value : {};
    if (part !== undefined)
      return Array.isArray(value) ? value : { ...record, [part]: put(property(record, part), more) };
    if (Array.isArray(value)) return value;
    const entries = Object.entries(record).filter(([key]) => key !== own || before.includes(key));
    return Object.fromEntries(entries);
  };
  return { value: put(tree.value, holder) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function keyCandidates(view: View, cursor: Cursor, path: Path, root: Root): Candidate[] {
  if (isNaming(path)) return [];
  const keys = keysAt(path, root.value);
  if (!keys) return [];
  const here = path.reduce<unknown>((value, part) => property(value, part), root.value);
  const there = new Set([...cursor.before, ...(isRecord(here) ? Object.keys(here) : [])]);
  const hasValue = /^["']?[ \t]*:/.test(view.text.slice(cursor.word.end));
  return keys
    .filter(({ key }) => !there.has(key) && isAvailable([...path, key]) && isMeant([...path, key], here))
    .map((known) => keyCandidate(known, path, cursor, hasValue));
}

function keyCandidate({ key, schema }: KnownKey, path: Path, { flow }: Cursor, hasValue: boolean): Candidate {
  const standard = defaultText(schema);
  return {
    text: hasValue ? key : `${key}:${opening(schema, path, flow)}`,
    label: key,
    kind: 'key',
    detail: schema.isOptional()
      ? standard === undefined
        ? undefined
        : `default ${standard.replaceAll('`', '')}`
      : 'required',
    documentation: `${ruleOf(schema)}\n\nIs ${expectation(schema)}.`,
    snippet: !hasValue,
    more: !hasValue,
  };
}

/** What stands behind the colon of a new key: the brackets of its value, with the cursor in them. */
function opening(schema: z.ZodType, path: Path, flow: boolean): string {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodRecord || (inner instanceof z.ZodObject && path.length === 0 && !flow)) return '\n  $0';
  if (inner instanceof z.ZodObject || (inner instanceof z.ZodUnion && inner.options.every(isMapping))) return ' { $0 }';
  return inner instanceof z.ZodArray || inner instanceof z.ZodTuple ? ' [$0]' : ' $0';
}

const isMapping = (schema: unknown) => unwrap(schema as z.ZodType) instanceof z.ZodObject;

function valueCandidates(
  view: View,
  cursor: Cursor,
  path: Path,
  root: Root,
  entries: readonly PathEntry[],
): Candidate[] {
  const files = fileKind(path);
  if (files) return pathCandidates(cursor, files, entries);
  const inList = typeof path.at(-1) === 'number';
  const context = {
    view,
    path,
    written: recordAt(root.value, path.slice(0, inList ? -2 : -1)),
    before: inList ? othersIn(view, path.slice(0, -1), cursor) : [],
    typed: cursor.typed,
  };
  const source = sourceOf(path)?.(context);
  const schemas = schemasAt(path, root.value);
  const available = (source ?? schemas.flatMap((schema) => schemaValues(schema, path))).filter(
    ({ text, kind }) => kind !== 'value' || (isAvailable(path, text) && !context.before.includes(text)),
  );
  return distinct([...available, ...schemas.flatMap((schema) => forms(view, path, schema, context))]);
}

/** Entries of the list that stand there besides the one at the cursor. */
function othersIn({ tree, text }: View, path: Path, { before, word }: Cursor): string[] {
  const list = tree.at(path);
  const behind = Array.isArray(list) ? list.slice(before.length).map(String) : [];
  const own = behind.indexOf(text.slice(word.start, word.end).replace(/^["']|["']$/g, ''));
  return [...before, ...behind.filter((_, i) => i !== own)];
}

function recordAt(value: unknown, path: Path): Record<string, unknown> {
  const found = path.reduce<unknown>((v, part) => property(v, part), value);
  return isRecord(found) ? found : {};
}

/** Mappings and lists as a whole: `{ last: }`, `[new]`. */
function forms(
  view: View,
  path: Path,
  schema: z.ZodType,
  context: Parameters<NonNullable<ReturnType<typeof sourceOf>>>[0],
): Candidate[] {
  const arm = armForms(path);
  if (arm.length > 0) return arm;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion)
    return inner.options.flatMap((option) =>
      holdsEntries(option) ? forms(view, path, option as z.ZodType, context) : [],
    );
  if (inner instanceof z.ZodObject) return [mappingForm(inner, path)].flatMap((form) => form ?? []);
  if (!(inner instanceof z.ZodArray)) return [];
  const entry = [...path, 0];
  const items =
    sourceOf(entry)?.({ ...context, path: entry, before: [] }) ?? schemaValues(inner.element as z.ZodType, entry);
  const wrapped = items.filter(({ kind }) => !severally.has(kind));
  const all = wrapped.filter(({ kind }) => kind === 'task');
  const whole: Candidate[] =
    all.length > 1
      ? [{ text: `[${all.map(({ text }) => text).join(', ')}]`, kind: 'form', detail: 'all of them' }]
      : [];
  if (wrapped.length === 0)
    return [{ text: '[$0]', label: '[ ]', kind: 'form', detail: expectation(schema), snippet: true, more: true }];
  return [...whole, ...wrapped.map((item) => ({ ...item, text: `[${item.text}]` }))];
}

/** Of these a list has several, or too many could be meant. */
const severally = new Set<Candidate['kind']>(['layer', 'number', 'tensor', 'benchmark']);

const holdsEntries = (schema: unknown) => {
  const inner = unwrap(schema as z.ZodType);
  return inner instanceof z.ZodObject || inner instanceof z.ZodArray;
};

const holdsList = (schema: z.ZodType): boolean => {
  const inner = unwrap(schema);
  return (
    inner instanceof z.ZodArray || (inner instanceof z.ZodUnion && inner.options.some((o) => holdsList(o as z.ZodType)))
  );
};

/** `{ into: , of: }`: the keys that a mapping cannot do without, else its first. */
function mappingForm(schema: z.ZodObject, path: Path): Candidate | undefined {
  const entries = Object.entries(schema.shape as Record<string, z.ZodType>);
  const required = entries.filter(([, s]) => !s.isOptional());
  const keys = (required.length > 0 ? required : entries.slice(0, 1)).map(([key, s]) => ({ key, inner: unwrap(s) }));
  if (!keys.every(({ key }) => isAvailable([...path, key]))) return undefined;
  const stop = (i: number, inner: z.ZodType) =>
    inner instanceof z.ZodLiteral
      ? yamlOf([...inner.values][0])
      : inner instanceof z.ZodArray
        ? `[$${i + 1}]`
        : `$${i + 1}`;
  return {
    text: `{ ${keys.map(({ key, inner }, i) => `${key}: ${stop(i, inner)}`).join(', ')} }`,
    label: `{ ${keys.map(({ key, inner }) => `${key}: ${inner instanceof z.ZodLiteral ? [...inner.values][0] : '…'}`).join(', ')} }`,
    kind: 'form',
    snippet: true,
    more: true,
  };
}

/** Entries of the folder that is being typed into; folders go on with a slash. */
function pathCandidates({ typed }: Cursor, wanted: 'file' | 'model', entries: readonly PathEntry[]): Candidate[] {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1);
  const hidden = typed.slice(folder.length).startsWith('.');
  // Models beside the file, those of the cache, then where others may lie; of files the files.
  const rank = ({ kind, model, id }: PathEntry) =>
    wanted === 'model' ? (id ? 1 : model ? 0 : 2) : kind === 'file' ? 0 : 1;
  return entries
    .filter(({ name, kind }) => (hidden || !name.startsWith('.')) && (wanted === 'file' || kind === 'folder'))
    .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
    .map(({ name, kind, model, id }): Candidate => {
      if (id) return { text: name, kind: 'model', detail: id.detail };
      const goesOn = kind === 'folder' && !(wanted === 'model' && model);
      return {
        text: `${folder}${name}${goesOn ? '/' : ''}`,
        kind,
        more: goesOn,
        ...(model && { detail: 'a model' }),
      };
    });
}

function distinct(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  return candidates.filter(({ label, text }) => {
    const key = label ?? text;
    return !seen.has(key) && seen.add(key);
  });
}

/** A candidate at its place: quoted like what is there, behind a space where one is missing. */
function fitted(candidate: Candidate, { word, quote, spaceMissing, slot, flow }: Cursor): Item {
  const { text, label = text } = candidate;
  const bare = slot !== 'key' && quote === undefined && needsQuotes(candidate, flow) ? JSON.stringify(text) : text;
  const quoted = quote && candidate.kind !== 'form' ? `${quote}${text}${quote}` : bare;
  return {
    ...candidate,
    label,
    text: `${spaceMissing ? ' ' : ''}${quoted}`,
    range: word,
    filter: candidate.kind === 'key' ? label : quoted,
  };
}

/** A glob that starts with `*` would be an alias. */
function needsQuotes({ kind, text }: Candidate, flow: boolean): boolean {
  if (kind === 'file' || kind === 'folder')
    return /[:#]\s|^[*&!|>'"%@`{[]/.test(text) || (flow && /[,{}[\]]/.test(text));
  return kind === 'tensor' && text.startsWith('*');
}
