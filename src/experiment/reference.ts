import * as z from 'zod';
import { benchmarks } from '../tasks/benchmarks.ts';
import { metrics } from '../tasks/metrics.ts';
import { notAvailable } from './available.ts';
import { defaultText, expectation, ruleOf, unwrap } from './expect.ts';
import { file } from './schema.ts';
import { selectorForms } from './selectors.ts';
import { checks } from './validate.ts';

/** `docs/experiment.schema.json`: what an editor without Strata can check of an experiment file. */
export function jsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(file, { io: 'input' });
}

/** `docs/experiment.md`: every key with type, default, rule and example, every selector, metric and check. */
export function referencePage(): string {
  const parts = [
    '# The experiment file',
    '',
    'A `*.strata.yaml` file says what is compared: a model, corpora, ways to change the model (arms), how they train and what is',
    'measured. `strata check FILE` checks it, `strata plan FILE` shows what it would run, `strata run FILE` runs it.',
    '',
    'YAML 1.2 without anchors, aliases and tags. Names are small letters, digits and `_`, a letter first. Paths are relative to the',
    'file. Layers are numbered from 0 in the base model. This page is written by `npm run docs` from the schema in',
    '`src/experiment/schema*.ts`; `experiment.schema.json` beside it is the same as a JSON Schema.',
    '',
    ...sections(file, [], 'Keys of the file'),
    '## What `train` names',
    '',
    ...table(
      ['selector', 'trains'],
      selectorForms.map((s) => [code(s.form), s.summary]),
    ),
    '## Where a rule inserts',
    '',
    'A rule cuts its region of `length` layers from `start` into `blocks` equal groups and inserts after the last layer of each:',
    '`start + ⌊length·(k+1)/blocks⌋ − 1` for k = 0, 1, … With 32 layers and 8 blocks `shallow_half` inserts after 1, 3, 5, 7, 9, 11,',
    '13, 15 and `uniform` after 3, 7, 11, 15, 19, 23, 27, 31.',
    '',
    '## Metrics',
    '',
    ...table(
      ['metric', 'unit', 'better', 'meaning'],
      metrics.map((m) => [code(m.name), m.unit, m.direction, m.summary]),
    ),
    'Primary metrics: `acc` for choice, `exact_match` for generate, `bits_per_byte` for perplexity (`token_perplexity` for token rows).',
    '',
    '## Checks',
    '',
    'Beside types and unknown keys. Warnings do not stop a run.',
    '',
    ...table(
      ['code', '', 'rule'],
      checks.map((c) => [code(c.code), c.severity, c.rule]),
    ),
    '## Not available in this version',
    '',
    'Valid, but answered with the error `not-available`:',
    '',
    ...notAvailable.map((row) => `- ${row.what}. ${row.instead}`),
    '',
    `Benchmarks known by name: ${benchmarks
      .filter((b) => !('subject' in b))
      .map((b) => code(b.name))
      .join(', ')}, \`mmlu_SUBJECT\` and \`hendrycks_math_SUBJECT\`; docs/benchmarks.md describes them.`,
    '',
  ];
  return parts.join('\n');
}

const code = (text: string) => `\`${text}\``;
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(head: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''];
}

/** One section for a mapping's keys, and one for each mapping below it. */
function sections(schema: z.ZodObject, path: string[], title: string): string[] {
  const shape = Object.entries(schema.shape as Record<string, z.ZodType>);
  const rows = shape.map(([key, inner]) => [
    code(key),
    typeText(inner),
    isRequired(path, key, inner) ? '**required**' : (defaultText(inner) ?? ''),
    ruleOf(inner),
    examplesOf(inner)
      .map((e) => code(`${key}: ${yaml(e)}`))
      .join(', '),
  ]);
  return [
    `${path.length === 0 ? '##' : '###'} ${title}`,
    '',
    ...table(['key', 'is', 'default', 'rule', 'example'], rows),
    ...shape.flatMap(([key, inner]) => (isOverrides(path, key) ? [] : below(inner, [...path, key]))),
  ];
}

/** `corpus` and `learning_rate` may stand in the experiment's `training` or in an arm's. */
const isRequired = (path: string[], key: string, schema: z.ZodType) =>
  !schema.isOptional() || (path.join() === 'training' && (key === 'corpus' || key === 'learning_rate'));

/** An arm's `training` has the keys of `training`, which are listed once. */
const isOverrides = (path: string[], key: string) => path[0] === 'arms' && key === 'training';

function below(schema: z.ZodType, path: string[]): string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodRecord) return below(inner.valueType as z.ZodType, [...path, 'NAME']);
  if (inner instanceof z.ZodArray) return below(inner.element as z.ZodType, path);
  if (inner instanceof z.ZodObject) return sections(inner, path, code(path.join('.')));
  if (!(inner instanceof z.ZodUnion)) return [];
  const options = inner.options.map((o) => unwrap(o as z.ZodType)).filter((o) => o instanceof z.ZodObject);
  return options.flatMap((option) => {
    const with_ = options.length > 1 ? ` with ${code(label(option))}` : '';
    return sections(option, path, `${code(path.join('.'))}${with_}`);
  });
}

/** What tells an alternative from the others: its first key, with its value where that is fixed. */
function label(option: z.ZodObject): string {
  const [key, schema] = Object.entries(option.shape as Record<string, z.ZodType>)[0]!;
  const inner = unwrap(schema);
  return inner instanceof z.ZodLiteral ? `${key}: ${[...inner.values].join()}` : key;
}

function typeText(schema: z.ZodType): string {
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject
    ? 'a mapping, below'
    : hasMapping(inner)
      ? `${expectation(schema)}, below`
      : expectation(schema);
}

function hasMapping(schema: z.ZodType): boolean {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.some((o) => hasMapping(o as z.ZodType));
  return inner instanceof z.ZodObject || inner instanceof z.ZodRecord;
}

function examplesOf(schema: z.ZodType): unknown[] {
  const own = schema.meta()?.['examples'];
  if (Array.isArray(own)) return own;
  return schema instanceof z.ZodOptional ? examplesOf(schema.unwrap() as z.ZodType) : [];
}

/** A value as it is written on one line. */
function yaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yaml).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([k, v]) => `${k}: ${yaml(v)}`)
      .join(', ')} }`;
  return typeof value === 'string' && /[#:*{}[\]]/.test(value) && !/^perplexity:/.test(value)
    ? `'${value}'`
    : String(value);
}
