import * as z from 'zod';
import { metricsOfTask } from '../experiment/checks/names.ts';
import { unwrap } from '../experiment/expect.ts';
import { type Path, property } from '../experiment/tree.ts';
import { benchmarks } from '../tasks/benchmarks.ts';
import { metricOf } from '../tasks/metrics.ts';
import { isAvailable } from './availability.ts';
import { armCandidate, armSources } from './complete-arms.ts';
import type { Candidate } from './item.ts';
import type { View } from './view.ts';

/** What a source of candidates may look at. */
export interface SourceContext {
  view: View;
  path: Path;
  /** The mapping that the value stands in (of a list's entry: that the list stands in). */
  written: Record<string, unknown>;
  /** Entries of the list, without the one that is being written. */
  before: readonly string[];
  typed: string;
}
export type Source = (context: SourceContext) => Candidate[];

const corpora: Source = ({ view, typed }) =>
  Object.entries(view.draft.corpora).map(([text, spec]) => ({
    text,
    kind: 'corpus',
    detail: spec.files.join(', '),
    ...(typed === text && { more: false }),
  }));

const arms: Source = ({ view }) => Object.values(view.draft.arms).map((arm) => armCandidate(arm, view));

const ownTasks: Source = ({ view }) =>
  Object.entries(view.draft.tasks).map(([text, { kind }]) => ({ text, kind: 'task', detail: kind }));

/** Without what stands in the list already. */
const unnamed =
  (source: Source): Source =>
  (context) =>
    source(context).filter(({ text }) => !context.before.includes(text));

const perplexities: Source = ({ view }) =>
  Object.keys(view.draft.corpora).map((corpus) => ({
    text: `perplexity:${corpus}`,
    kind: 'task',
    detail: view.draft.corpora[corpus]?.kind === 'text' ? 'bits per byte of its hold-out' : 'per token of its rows',
  }));

/** Benchmarks by name; those of many subjects once their beginning is typed. */
const builtIn: Source = ({ path, typed }) =>
  benchmarks
    .filter(({ name }) => (!subject.test(name) || typed.startsWith('mmlu_')) && isAvailable(path, name))
    .map(({ name, kind }) => ({ text: name, kind: 'benchmark', detail: `benchmark, ${kind}` }));
const subject = /^mmlu_/;

const evaluable: Source = unnamed((context) => [...ownTasks(context), ...perplexities(context), ...builtIn(context)]);

/** Tasks that are evaluated, so that there will be something to compare. */
const evaluated: Source = ({ view, before, path }) => {
  const { evaluation, compare } = view.draft;
  const gain = path[1] === 'forgetting' ? compare.gain?.task : undefined;
  return evaluation.tasks
    .filter((task) => task !== gain && !before.includes(task))
    .map((task) => ({ text: task, kind: 'task', detail: metricsOfTask({ experiment: view.draft }, task)?.[0] }));
};

const metricsOf: Source = ({ view, written }) =>
  (metricsOfTask({ experiment: view.draft }, String(written['task'] ?? '')) ?? []).map((text, i) => ({
    text,
    kind: 'metric',
    detail: i === 0 ? 'the primary one' : metricOf(text)?.summary,
  }));

const replayed: Source = (context) => {
  const main = context.view.tree.at([...context.path.slice(0, -2), 'corpus']) ?? context.view.written.training?.corpus;
  return corpora(context).filter(({ text }) => text !== main);
};

const training: Record<string, Source> = {
  corpus: corpora,
  'replay.corpus': replayed,
  'distill.corpus': corpora,
  'distill.teacher': arms,
  'keep.best': evaluated,
};

/** Values by path (`*` is a name or an index): those of the file's own names, and those of this model. */
const sources: Record<string, Source> = {
  ...armSources,
  ...Object.fromEntries(
    Object.entries(training).flatMap(([key, source]) => [
      [`training.${key}`, source],
      [`arms.*.training.${key}`, source],
    ]),
  ),
  'tasks.*.benchmark': builtIn,
  'analysis.corpus': corpora,
  'analysis.corpus.*': unnamed(corpora),
  'analysis.tasks.*': unnamed(ownTasks),
  'evaluation.tasks.*': evaluable,
  'compare.baseline': arms,
  'compare.subject': arms,
  'compare.gain': evaluated,
  'compare.gain.task': evaluated,
  'compare.gain.metric': metricsOf,
  'compare.forgetting.*': evaluated,
  'compare.forgetting.*.task': evaluated,
  'compare.forgetting.*.metric': metricsOf,
};

/** Keys that belong to a value of another key beside them. */
const onlyWith: Record<string, { key: string; is: (value: unknown) => boolean; value?: string }> = {
  'arms.*.expand.blocks': { key: 'after', is: (after) => !Array.isArray(after) },
  'arms.*.expand.by': { key: 'after', is: (after) => after === 'analysis', value: 'analysis' },
  'arms.*.lora.arm': { key: 'rank', is: (rank) => rank === 'match' },
};

/** Whether a key can stand beside what is written in its mapping. */
export function isMeant(path: Path, mapping: unknown): boolean {
  const row = Object.hasOwn(onlyWith, patternOf(path)) ? onlyWith[patternOf(path)] : undefined;
  if (!row) return true;
  const other = property(mapping, row.key);
  const possible = row.value === undefined || isAvailable([...path.slice(0, -1), row.key], row.value);
  return possible && (other === undefined || other === null || row.is(other));
}

/** Paths whose value is a file or a folder. */
const fileKeys: Record<string, 'file' | 'model'> = {
  model: 'model',
  'corpora.*.files': 'file',
  'corpora.*.files.*': 'file',
  'corpora.*.tokens': 'file',
  'corpora.*.tokens.*': 'file',
  'tasks.*.files': 'file',
  'tasks.*.files.*': 'file',
  'tasks.*.shots_from': 'file',
  'tasks.*.shots_from.*': 'file',
  'arms.*.lora.adapter': 'model',
};

const named = new Set(['corpora', 'tasks', 'arms']);

/** `arms.*.train.*` of `['arms', 's', 'train', 0]`. */
export function patternOf(path: Path): string {
  return path
    .map((part, i) => (typeof part === 'number' || (i === 1 && named.has(String(path[0]))) ? '*' : part))
    .join('.');
}

/** Whether the value at a path names a file (or, `model`, a folder that holds one). */
export function fileKind(path: Path): 'file' | 'model' | undefined {
  return fileKeys[patternOf(path)];
}

export function sourceOf(path: Path): Source | undefined {
  const pattern = patternOf(path);
  return Object.hasOwn(sources, pattern) ? sources[pattern] : undefined;
}

/** Values that a schema itself names: words, true and false, the default, examples. */
export function schemaValues(schema: z.ZodType, path: Path): Candidate[] {
  const inner = unwrap(schema);
  const standard = defaultOf(schema);
  const candidates = new Map<string, Candidate>();
  const add = (value: unknown, kind: Candidate['kind'], detail?: string) => {
    const text = yamlOf(value);
    if (!candidates.has(text)) candidates.set(text, { text, kind, ...(detail && { detail }) });
  };
  for (const value of choices(inner))
    if (isAvailable(path, value)) add(value, 'value', value === standard ? 'default' : undefined);
  if (candidates.size === 0) {
    if (standard !== undefined && typeof standard !== 'object') add(standard, 'number', 'default');
    for (const example of examplesOf(schema)) if (isPlain(example)) add(example, 'number', 'example');
  }
  return [...candidates.values()];
}

const isPlain = (value: unknown) => typeof value === 'number' || typeof value === 'string';

function choices(schema: z.ZodType): unknown[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((o) => choices(o as z.ZodType));
  if (inner instanceof z.ZodEnum) return [...inner.options];
  if (inner instanceof z.ZodLiteral) return [...inner.values];
  if (inner instanceof z.ZodBoolean) return [true, false];
  return [];
}

function defaultOf(schema: z.ZodType): unknown {
  if (schema instanceof z.ZodDefault) return schema.def.defaultValue;
  return schema instanceof z.ZodOptional || schema instanceof z.ZodNullable
    ? defaultOf(schema.unwrap() as z.ZodType)
    : undefined;
}

function examplesOf(schema: z.ZodType): unknown[] {
  const own = schema.meta()?.['examples'];
  if (Array.isArray(own)) return own;
  return schema instanceof z.ZodOptional || schema instanceof z.ZodNullable
    ? examplesOf(schema.unwrap() as z.ZodType)
    : [];
}

/** A scalar as a person writes it: `3e-3`, not `0.003`. */
export function yamlOf(value: unknown): string {
  if (typeof value === 'number' && value > 0 && value < 0.01) return value.toExponential().replace('e-0', 'e-');
  if (typeof value !== 'string') return String(value);
  return /^[\w./*+ -]+$/.test(value) && value.trim() === value ? value : JSON.stringify(value);
}
