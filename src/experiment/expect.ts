import * as z from 'zod';
import { words } from './schema-kit.ts';
import { list } from './suggest.ts';

type Json = z.core.JSONSchema.BaseSchema;

/** The schema inside `optional`, `default` and `nullable`. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodNullable)
    inner = inner.unwrap() as z.ZodType;
  return inner;
}

/** What a registry says of a schema or of what it wraps. */
function wordsOf(schema: z.ZodType): z.output<z.ZodUnknown> & { expected?: string; default?: string } {
  const inner =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable
      ? wordsOf(schema.unwrap() as z.ZodType)
      : {};
  return { ...inner, ...words.get(schema) };
}

/** `a whole number of 1 or more`: what stands behind "must be". */
export function expectation(schema: z.ZodType): string {
  const said = wordsOf(schema).expected;
  if (said) return said;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return list(inner.options.map((o) => expectation(o as z.ZodType)));
  if (inner instanceof z.ZodArray) return `a list, each entry ${expectation(inner.element as z.ZodType)}`;
  if (inner instanceof z.ZodObject) return `a mapping with ${list(Object.keys(inner.shape).map(code), 'and')}`;
  if (inner instanceof z.ZodRecord) return 'a mapping from names to values';
  return phrase(z.toJSONSchema(inner, { io: 'input' }));
}

/** The rule of a key, wherever in its wrappers it was given. */
export function ruleOf(schema: z.ZodType): string {
  if (schema.description !== undefined) return schema.description;
  const wrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable;
  return wrapped ? ruleOf(schema.unwrap() as z.ZodType) : '';
}

/** What holds when a key is left out, for the reference page; undefined if nothing does. */
export function defaultText(schema: z.ZodType): string | undefined {
  const said = wordsOf(schema).default;
  if (said) return said;
  return schema instanceof z.ZodDefault ? `\`${JSON.stringify(schema.def.defaultValue)}\`` : undefined;
}

const code = (word: string) => `\`${word}\``;

const limit = 2 ** 53 - 1;

function phrase(json: Json): string {
  if (json.const !== undefined) return String(json.const);
  if (json.enum) return `${json.enum.length > 1 ? 'one of ' : ''}${json.enum.join(', ')}`;
  if (json.type === 'boolean') return 'true or false';
  if (json.type === 'string') return json.minLength ? 'a text that is not empty' : 'a text';
  if (json.type !== 'integer' && json.type !== 'number') return 'something else';
  const what = json.type === 'integer' ? 'a whole number' : 'a number';
  const low =
    json.exclusiveMinimum !== undefined
      ? ` above ${json.exclusiveMinimum}`
      : json.minimum !== undefined && json.minimum > -limit
        ? ` of ${json.minimum} or more`
        : '';
  const high =
    json.exclusiveMaximum !== undefined
      ? ` and below ${json.exclusiveMaximum}`
      : json.maximum !== undefined && json.maximum < limit
        ? ` up to ${json.maximum}`
        : '';
  return `${what}${low}${high}`;
}

/** A value as it is quoted in a message: short, on one line. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  const text = JSON.stringify(value);
  if (text.length <= 40) return text.replaceAll(',', ', ');
  if (typeof value === 'string') return `${text.slice(0, 37)}…"`;
  return Array.isArray(value) ? 'a list' : 'a mapping';
}
