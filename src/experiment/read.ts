import * as z from 'zod';
import { addEntry, renameKey, replaceValue, yamlText } from './edits.ts';
import { expectation, shown, unwrap } from './expect.ts';
import { alternatives } from './schema-kit.ts';
import { list, nearest } from './suggest.ts';
import type { Path, Tree } from './tree.ts';
import type { Fix, Range } from './types.ts';

/** Something that the schema does not allow. `path` is what is left out of the result because of it. */
export interface SchemaProblem {
  code: 'unknown-key' | 'missing-key' | 'wrong-type' | 'wrong-value' | 'bad-name';
  path: Path;
  range: Range;
  message: string;
  fixes: Fix[];
}

/** In place of a value that has a problem: the entry of a mapping is left out; lists and required keys fail with their parent. */
const broken = Symbol('broken');

/**
 * Reads what a tree holds by a schema. The structure (keys, lists, alternatives) is walked here, so that each problem has its place
 * and its own sentence and the rest of the file stays readable; zod checks the leaves. Returns the valid part of the input,
 * without defaults (undefined when nothing is left), and every problem.
 */
export function readBySchema<S extends z.ZodType>(
  schema: S,
  tree: Tree,
): { value: Partial<z.input<S>> | undefined; problems: SchemaProblem[] } {
  const problems: SchemaProblem[] = [];
  const value = visit(schema, tree.value, [], { tree, problems });
  // The walk has checked every part against its schema, so the result is the schema's input with parts left out.
  return { value: value === broken ? undefined : (value as Partial<z.input<S>>), problems };
}

interface Context {
  tree: Tree;
  problems: SchemaProblem[];
}

function visit(schema: z.ZodType, value: unknown, path: Path, context: Context): unknown {
  if (value === null && schema.isNullable()) return null;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) {
    const option = alternative(inner, value);
    // A word or number that fits no alternative is told all of them; a mapping or list only its own.
    if (!option || (isLeaf(option) && !option.safeParse(value).success)) return wrong(schema, value, path, context);
    return visit(option, value, path, context);
  }
  if (inner instanceof z.ZodObject) return visitObject(inner, value, path, context);
  if (inner instanceof z.ZodRecord) return visitRecord(inner, value, path, context);
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    const items = value.map((item, i) => visit(inner.element as z.ZodType, item, [...path, i], context));
    if (items.includes(broken)) return broken;
  }
  return inner.safeParse(value).success ? value : wrong(schema, value, path, context);
}

type Kind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** The alternative that the value's form points at; undefined if it fits none. */
function alternative(union: z.ZodUnion, value: unknown): z.ZodType | undefined {
  const options = union.options as z.ZodType[];
  const kind = kindOf(value);
  const chooser = alternatives.get(union);
  if (chooser && kind === 'object') {
    const chosen = chooser.choose(value);
    return chosen instanceof z.ZodType ? chosen : undefined;
  }
  return options.find((o) => kindsOf(o).includes(kind));
}

function isLeaf(schema: z.ZodType): boolean {
  return !['object', 'array'].some((kind) => kindsOf(schema).includes(kind as Kind));
}

function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  return type === 'string' || type === 'number' || type === 'boolean' ? type : 'object';
}

function kindsOf(schema: z.ZodType): Kind[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((o) => kindsOf(o as z.ZodType));
  if (inner instanceof z.ZodObject || inner instanceof z.ZodRecord) return ['object'];
  if (inner instanceof z.ZodArray || inner instanceof z.ZodTuple) return ['array'];
  if (inner instanceof z.ZodLiteral) return [...inner.values].map(kindOf);
  if (inner instanceof z.ZodNumber) return ['number'];
  if (inner instanceof z.ZodBoolean) return ['boolean'];
  return ['string'];
}

function visitObject(schema: z.ZodObject, value: unknown, path: Path, context: Context): unknown {
  if (kindOf(value) !== 'object') return wrong(schema, value, path, context);
  const shape = schema.shape as Record<string, z.ZodType>;
  const written = value as Record<string, unknown>;
  const entries: [string, unknown][] = [];
  let whole = true;
  const meant = new Set<string>();
  if (schema.def.catchall instanceof z.ZodNever)
    for (const key of Object.keys(written))
      if (!Object.hasOwn(shape, key)) meant.add(unknownKey(shape, written, key, path, context) ?? '');
  for (const [key, inner] of Object.entries(shape)) {
    const required = !inner.isOptional();
    if (!Object.hasOwn(written, key)) {
      if (required && !meant.has(key)) missingKey(key, inner, written, path, context);
      whole &&= !required;
      continue;
    }
    const read = visit(inner, written[key], [...path, key], context);
    if (read !== broken) entries.push([key, read]);
    else whole &&= !required;
  }
  // The file itself is always read as far as it goes.
  return whole || path.length === 0 ? Object.fromEntries(entries) : broken;
}

function visitRecord(schema: z.ZodRecord, value: unknown, path: Path, context: Context): unknown {
  if (kindOf(value) !== 'object') return wrong(schema, value, path, context);
  const entries: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
    const here = [...path, key];
    if (!(schema.keyType as z.ZodType).safeParse(key).success) {
      badName(key, Object.keys(value as object), here, context);
      continue;
    }
    const read = visit(schema.valueType as z.ZodType, item, here, context);
    if (read !== broken) entries.push([key, read]);
  }
  return Object.fromEntries(entries);
}

const where = (path: Path): string => {
  const last = path.at(-1);
  if (last === undefined) return 'An experiment file';
  return typeof last === 'number' ? `An entry of ${where(path.slice(0, -1))}` : `\`${last}\``;
};

/** Returns the key that was probably meant. */
function unknownKey(
  shape: Record<string, z.ZodType>,
  written: Record<string, unknown>,
  key: string,
  path: Path,
  { tree, problems }: Context,
): string | undefined {
  const free = Object.keys(shape).filter((k) => !Object.hasOwn(written, k));
  const meant = nearest(key, free);
  const here = [...path, key];
  problems.push({
    code: 'unknown-key',
    path: here,
    range: tree.keyRangeOf(here),
    message: meant
      ? `${where(path)} has no key \`${key}\`. Did you mean \`${meant}\`?`
      : `${where(path)} has no key \`${key}\`. It takes ${list(
          Object.keys(shape).map((k) => `\`${k}\``),
          'and',
        )}.`,
    fixes: meant ? [{ title: `Change to '${meant}'`, edits: renameKey(tree, here, meant) }] : [],
  });
  return meant;
}

function missingKey(
  key: string,
  schema: z.ZodType,
  written: Record<string, unknown>,
  path: Path,
  { tree, problems }: Context,
): void {
  const inner = unwrap(schema);
  const only = inner instanceof z.ZodLiteral ? String([...inner.values][0]) : undefined;
  const edits = only === undefined ? [] : addFirst(tree, path, key, only, written);
  problems.push({
    code: 'missing-key',
    path: [...path, key],
    range: tree.keyRangeOf(path),
    message: `${where(path)} needs the key \`${key}\`: ${expectation(schema)}.`,
    fixes: edits.length > 0 ? [{ title: `Add '${key}: ${only}'`, edits }] : [],
  });
}

function addFirst(tree: Tree, path: Path, key: string, value: string, written: Record<string, unknown>): Fix['edits'] {
  const first = Object.keys(written)[0];
  const entry = first === undefined ? undefined : tree.entry([...path, first]);
  if (path.length > 0 || !entry?.key || entry.flow) return addEntry(tree, path, key, value);
  return [{ range: { start: entry.key.start, end: entry.key.start }, text: `${key}: ${value}\n` }];
}

function badName(key: string, others: string[], path: Path, { tree, problems }: Context): void {
  const better = key
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '');
  const usable = better !== '' && !others.includes(better);
  problems.push({
    code: 'bad-name',
    path,
    range: tree.keyRangeOf(path),
    message: `\`${key}\` cannot be a name here. Use small letters, digits and _, a letter first${usable ? `, such as \`${better}\`` : ''}.`,
    fixes: usable ? [{ title: `Change to '${better}'`, edits: renameKey(tree, path, better) }] : [],
  });
}

function wrong(schema: z.ZodType, value: unknown, path: Path, { tree, problems }: Context): typeof broken {
  const inner = unwrap(schema);
  const choices = choicesOf(inner);
  const sameKind = kindsOf(inner).includes(kindOf(value));
  const { text, note } = repair(inner, value, choices);
  problems.push({
    code: sameKind ? 'wrong-value' : 'wrong-type',
    path,
    range: tree.rangeOf(path),
    message: `${where(path)} must be ${expectation(schema)}, not ${shown(value)}.${note}`,
    fixes: text === undefined ? [] : [{ title: `Change to ${text}`, edits: replaceValue(tree, path, text) }],
  });
  return broken;
}

function choicesOf(schema: z.ZodType): string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((o) => choicesOf(o as z.ZodType));
  if (inner instanceof z.ZodEnum) return inner.options.map(String);
  if (inner instanceof z.ZodLiteral) return [...inner.values].filter((v) => typeof v === 'string');
  return [];
}

const booleans: Record<string, string> = { yes: 'true', on: 'true', no: 'false', off: 'false' };

/** The text that was probably meant in place of a wrong value. */
function repair(schema: z.ZodType, value: unknown, choices: string[]): { text?: string; note: string } {
  const fits = (candidate: unknown) => schema.safeParse(candidate).success;
  if (typeof value === 'string') {
    const meant = nearest(value, choices);
    if (meant !== undefined) return { text: meant, note: ` Did you mean \`${meant}\`?` };
    const word = booleans[value.toLowerCase()];
    if (word !== undefined && fits(word === 'true')) return { text: word, note: '' };
    if (value.trim() !== '' && fits(Number(value))) return { text: String(Number(value)), note: '' };
  }
  if (typeof value !== 'object' && fits([value]))
    return { text: `[${typeof value === 'string' ? yamlText(value) : value}]`, note: '' };
  if (typeof value === 'number' && fits(String(value))) return { text: JSON.stringify(String(value)), note: '' };
  if (value === null && fits({})) return { text: '{}', note: '' };
  return { note: '' };
}
