import * as z from 'zod';
import { notAvailable } from '../experiment/available.ts';
import { related } from '../experiment/diagnostics.ts';
import { unwrap } from '../experiment/expect.ts';
import { parse } from '../experiment/parse.ts';
import type { Path } from '../experiment/tree.ts';
import { schemasAt } from './schema-walk.ts';

const known = new Map<string, boolean>();

/**
 * Whether this version carries out a value (or, without one, a key): found out by asking the table of what it does not, with a
 * small experiment that holds just that.
 */
export function isAvailable(path: Path, value?: unknown): boolean {
  const key = JSON.stringify([path.map((part) => (typeof part === 'number' ? 0 : part)), value]);
  let answer = known.get(key);
  if (answer === undefined) {
    answer = !isRefused(path, value);
    known.set(key, answer);
  }
  return answer;
}

function isRefused(path: Path, value: unknown): boolean {
  const whole: Record<string, unknown> = { strata: 1, model: 'm', arms: { a: { train: ['all'] } } };
  const at = place(whole, path);
  at.holder[at.key] = value ?? sampleAt(path, whole);
  const { draft, written, tree } = parse(JSON.stringify(whole));
  const context = { experiment: draft, written, tree, facts: {} };
  return notAvailable.some((row) => row.places(context).some((p) => related(p, at.path)));
}

/** Makes the mappings and lists above a path, with what the language asks of them besides. */
function place(
  whole: Record<string, unknown>,
  path: Path,
): { holder: Record<string | number, unknown>; key: string | number; path: Path } {
  let holder: Record<string | number, unknown> = whole;
  const real = path.map((part) => (typeof part === 'number' ? 0 : part));
  for (const [i, part] of real.slice(0, -1).entries()) {
    const here = real.slice(0, i + 1);
    const next =
      typeof real[i + 1] === 'number' ? [] : { ...siblings(here, real[i + 1]!, whole), ...(holder[part] as object) };
    holder[part] = next;
    holder = next as Record<string | number, unknown>;
  }
  return { holder, key: real.at(-1)!, path: real };
}

/** Values of the other keys of a mapping that have an example, so that the mapping is whole. */
function siblings(path: Path, key: string | number, whole: unknown): Record<string, unknown> {
  if (path.length < 3) return {};
  const schemas = schemasAt(path, whole).flatMap((schema) => {
    const inner = unwrap(schema);
    return inner instanceof z.ZodUnion ? inner.options.map((option) => unwrap(option as z.ZodType)) : [inner];
  });
  const inner = schemas.find((schema) => schema instanceof z.ZodObject && Object.hasOwn(schema.shape, key));
  if (!(inner instanceof z.ZodObject)) return {};
  const entries = Object.entries(inner.shape as Record<string, z.ZodType>);
  return Object.fromEntries(
    entries.filter(([, s]) => s.meta()?.['examples'] !== undefined || !s.isOptional()).map(([k, s]) => [k, sample(s)]),
  );
}

function sampleAt(path: Path, whole: unknown): unknown {
  const [schema] = schemasAt(path, whole);
  return schema === undefined ? null : sample(schema);
}

/** A valid value: an example, else the simplest. */
function sample(schema: z.ZodType): unknown {
  const examples = schema.meta()?.['examples'];
  if (Array.isArray(examples)) return examples[0];
  const inner = unwrap(schema);
  if (inner !== schema) return sample(inner);
  if (inner instanceof z.ZodUnion) return sample(inner.options[0] as z.ZodType);
  if (inner instanceof z.ZodEnum) return inner.options[0];
  if (inner instanceof z.ZodLiteral) return [...inner.values][0];
  if (inner instanceof z.ZodArray) return [sample(inner.element as z.ZodType)];
  if (inner instanceof z.ZodBoolean) return true;
  if (inner instanceof z.ZodNumber) return 1;
  if (inner instanceof z.ZodObject) {
    const required = Object.entries(inner.shape as Record<string, z.ZodType>).filter(([, s]) => !s.isOptional());
    return Object.fromEntries(required.map(([k, s]) => [k, sample(s)]));
  }
  return inner instanceof z.ZodRecord ? {} : 'x';
}
