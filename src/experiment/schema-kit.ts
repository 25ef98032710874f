import * as z from 'zod';

// What the schemas of the experiment language are made of: words beside them, alternatives, and the small values.

/** Words for messages and the reference page where the schema alone does not give good ones. */
export const words = z.registry<{
  /** `must be …`. */
  expected?: string;
  /** What holds when the key is left out and no constant does. */
  default?: string;
}>();

/** Which alternative of a union is meant (a schema), decided before zod sees the value. */
export const alternatives = z.registry<{ choose: (value: unknown) => unknown }>();

/** A key of a mapping: its rule and examples of its value. */
export const key = <S extends z.ZodType>(schema: S, rule: string, ...examples: unknown[]): S =>
  schema.meta({ description: rule, ...(examples.length > 0 && { examples }) });
export function said<S extends z.ZodType>(schema: S, expected: string): S {
  words.add(schema, { expected });
  return schema;
}
export function defaulting<S extends z.ZodType>(schema: S, text: string): S {
  words.add(schema, { default: text });
  return schema;
}
export function chosenBy<S extends z.ZodUnion>(schema: S, choose: (value: unknown) => z.ZodType | undefined): S {
  alternatives.add(schema, { choose });
  return schema;
}

/** A union of mappings whose alternative is the first whose key is present; `otherwise` when none is. */
export function byKey<const O extends readonly [z.ZodObject, ...z.ZodObject[]]>(
  options: O,
  keys: readonly string[],
  otherwise?: z.ZodObject,
) {
  return chosenBy(z.union(options), (value) => options[keys.findIndex((k) => hasKey(value, k))] ?? otherwise);
}
export const hasKey = (value: unknown, k: string) =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, k);

export const name = (what = 'a name: small letters, digits and _, a letter first') =>
  said(z.string().regex(/^[a-z][a-z0-9_]*$/), what);
export const armName = () => name('the name of an arm');
export const corpusName = () => name('the name of a corpus');
export const taskName = () => said(z.string().min(1), 'an evaluated task');
export const path = () => said(z.string().min(1), 'a path relative to this file');
export const files = () =>
  said(z.union([path(), z.array(path()).min(1)]), 'a path relative to this file, or a list of such');
/** A list with at least one entry, and what its entries are called. */
export const many = <S extends z.ZodType>(entry: S, what: string) => said(z.array(entry).min(1), `a list of ${what}`);
export const layers = () => many(layer(), 'layer numbers');
export const count = () => z.int().min(1);
export const layer = () => said(z.int().min(0), 'a layer number (whole, from 0)');
export const share = () => said(z.number().gt(0).lt(1), 'a share above 0 and below 1');
const hostPattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
export const host = () => said(z.string().regex(hostPattern), 'the name of a host');
export const slurmWord = () =>
  said(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/&|@-]*$/), 'a plain word as Slurm takes it');
