import * as z from 'zod';
import { unwrap } from '../experiment/expect.ts';
import { file } from '../experiment/schema.ts';
import { alternatives } from '../experiment/schema-kit.ts';
import { type Path, property } from '../experiment/tree.ts';

/** One key that a mapping may have. */
export interface KnownKey {
  key: string;
  schema: z.ZodType;
}

/**
 * What may stand at a path of an experiment file, given the values that are written: one schema, or several where nothing written
 * decides between alternatives. [] for a path that the language does not have.
 */
export function schemasAt(path: Path, value: unknown): z.ZodType[] {
  let here: unknown = value;
  let schemas: z.ZodType[] = [file];
  for (const part of path) {
    schemas = [...new Set(schemas.flatMap((schema) => step(schema, part, here)))];
    here = property(here, part);
  }
  return schemas;
}

/** The keys of the mapping at a path, in the order of the language; undefined if no mapping belongs there. */
export function keysAt(path: Path, value: unknown): KnownKey[] | undefined {
  const here = path.reduce<unknown>((v, part) => property(v, part), value);
  const shapes = schemasAt(path, value).flatMap((schema) => shapesOf(schema, here));
  if (shapes.length === 0) return undefined;
  const keys = new Map<string, KnownKey>();
  for (const shape of shapes)
    for (const [key, schema] of Object.entries(shape)) if (!keys.has(key)) keys.set(key, { key, schema });
  return [...keys.values()];
}

/** Whether names of one's own stand at a path, as those of arms. */
export function isNaming(path: Path): boolean {
  return schemasAt(path, {}).some((schema) => unwrap(schema) instanceof z.ZodRecord);
}

type Shape = Record<string, z.ZodType>;

function step(schema: z.ZodType, part: string | number, value: unknown): z.ZodType[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return optionsFor(inner, value).flatMap((option) => step(option, part, value));
  if (inner instanceof z.ZodObject) {
    const found = (inner.shape as Shape)[part];
    return found && Object.hasOwn(inner.shape, part) ? [found] : [];
  }
  if (inner instanceof z.ZodRecord) return typeof part === 'string' ? [inner.valueType as z.ZodType] : [];
  if (inner instanceof z.ZodArray) return typeof part === 'number' ? [inner.element as z.ZodType] : [];
  if (inner instanceof z.ZodTuple && typeof part === 'number')
    return inner.def.items.slice(part, part + 1) as z.ZodType[];
  return [];
}

function shapesOf(schema: z.ZodType, value: unknown): Shape[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) {
    const options = optionsFor(inner, value);
    const [chosen, ...others] = options.flatMap((option) => shapesOf(option, value));
    // Of the alternatives that are still open, the key that decides for them.
    return chosen === undefined
      ? []
      : [chosen, ...others.map((shape) => Object.fromEntries(Object.entries(shape).slice(0, 1)))];
  }
  return inner instanceof z.ZodObject ? [inner.shape as Shape] : [];
}

/** The alternative that the written keys decide for, first; behind it those that they do not rule out. */
function optionsFor(union: z.ZodUnion, value: unknown): z.ZodType[] {
  const options = union.options as z.ZodType[];
  const chooser = alternatives.get(union);
  const written = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  const chosen = chooser?.choose(value);
  const fits = (option: z.ZodType) => {
    const inner = unwrap(option);
    return !(inner instanceof z.ZodObject) || written.every((key) => Object.hasOwn(inner.shape, key));
  };
  const open = options.filter((option) => option !== chosen && fits(option));
  return chosen instanceof z.ZodType ? [chosen, ...(decided(chosen, open, written) ? [] : open)] : open;
}

/** Whether something is written that only the chosen alternative has. */
function decided(chosen: z.ZodType, others: readonly z.ZodType[], written: readonly string[]): boolean {
  const inner = unwrap(chosen);
  if (!(inner instanceof z.ZodObject)) return false;
  const first = Object.keys(inner.shape)[0]!;
  return others.length === 0 || (written.includes(first) && first !== 'kind');
}
