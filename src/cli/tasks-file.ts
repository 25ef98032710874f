import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { canonicalJson, sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import { resolveBenchmark } from '../data/benchmark-data.ts';
import { resolveFiles } from '../data/files.ts';
import { parse } from '../experiment/parse.ts';
import { readBySchema } from '../experiment/read.ts';
import { resolveTask } from '../experiment/resolve.ts';
import { file as experimentSchema } from '../experiment/schema.ts';
import { nearest } from '../experiment/suggest.ts';
import { readTree } from '../experiment/tree.ts';
import type { BenchmarkTask, CorpusSpec, TaskSpec } from '../experiment/types.ts';
import { builtIn } from '../plan/tasks.ts';
import type { TaskRequest } from '../plan/types.ts';
import { benchmarkOf, benchmarks } from '../tasks/benchmarks.ts';

/** Tasks by name, and the corpora that `perplexity:X` may name; paths are relative to `folder`. */
export interface Tasks {
  /** As it was named, for messages. */
  file: string;
  folder: string;
  tasks: Record<string, TaskSpec>;
  corpora: Record<string, CorpusSpec>;
}

const remedy = 'Write it as the `tasks:` of an experiment: one entry for each task.';

/**
 * Reads the `tasks:` mapping of an experiment, as a file of its own (YAML or JSON) or inside of a whole experiment, whose
 * corpora then serve `perplexity:X`. Fails with `invalid-tasks`, `unknown-benchmark` at `file:line:column`.
 */
export async function readTasksFile(file: string): Promise<Tasks> {
  const text = await readFile(file, 'utf8');
  const tree = readTree(text);
  const here = { file, folder: dirname(file) };
  if (tree.has(['strata'])) {
    const { draft, diagnostics } = parse(text, { file });
    const error = diagnostics.find((d) => d.severity === 'error');
    if (error) fail('invalid-tasks', error.message, { place: `${file}:${error.line}:${error.column}`, remedy });
    return { ...here, tasks: draft.tasks, corpora: draft.corpora };
  }
  const { value = {}, problems } = readBySchema(experimentSchema.shape.tasks, tree);
  const problem = tree.problems[0] ?? problems[0];
  if (problem) {
    const { line, column } = tree.position(problem.range.start);
    fail('invalid-tasks', problem.message, { place: `${file}:${line}:${column}`, remedy });
  }
  const tasks = Object.fromEntries(Object.entries(value).map(([name, task]) => [name, resolveTask(task!)]));
  for (const [name, task] of Object.entries(tasks)) {
    if (task.kind !== 'benchmark' || benchmarkOf(task.benchmark)) continue;
    const { line, column } = tree.position(tree.rangeOf([name, 'benchmark']).start);
    fail('unknown-benchmark', `There is no benchmark ${task.benchmark}.`, {
      place: `${file}:${line}:${column}`,
      remedy: didYouMean(task.benchmark, []) ?? 'strata data lists them.',
    });
  }
  return { ...here, tasks, corpora: {} };
}

function didYouMean(name: string, others: readonly string[]): string | undefined {
  const meant = nearest(name, [...others, ...benchmarks.map((b) => b.name)]);
  return meant && `Did you mean ${meant}?`;
}

const perplexity = 'perplexity:';

/**
 * The named tasks as requests for `evaluateTask`, their files resolved; without names, all of the file's. The bare name of a
 * benchmark means it with its defaults. `shots` overrides what the tasks say. Fails with `unknown-task`, `unknown-corpus`,
 * `usage-shots`, `file-missing`.
 */
export async function taskRequests(
  tasks: Tasks,
  names: readonly string[],
  { shots }: { shots?: number } = {},
): Promise<TaskRequest[]> {
  const chosen = names.length > 0 ? names : Object.keys(tasks.tasks);
  if (chosen.length === 0) {
    const place = tasks.file === '' ? {} : { place: tasks.file };
    fail('usage-tasks', 'There is no task.', { ...place, remedy: 'Name a file that has some with --tasks-file.' });
  }
  return Promise.all(chosen.map((name) => taskRequest(tasks, name, shots)));
}

async function taskRequest(tasks: Tasks, name: string, shots: number | undefined): Promise<TaskRequest> {
  if (name.startsWith(perplexity)) {
    if (shots !== undefined) noShots(name);
    return perplexityRequest(tasks, name);
  }
  const described = Object.hasOwn(tasks.tasks, name) ? tasks.tasks[name] : builtIn(name);
  if (!described) return unknownTask(tasks, name);
  if (described.kind === 'perplexity') return perplexityRequest(tasks, name);
  const spec: TaskSpec = shots === undefined ? described : { ...described, shots };
  if (spec.kind === 'benchmark') return benchmarkRequest(tasks, name, spec);
  const files = 'files' in spec ? await resolveFiles(spec.files, tasks.folder) : [];
  const from = 'shots_from' in spec ? spec.shots_from : undefined;
  const shotFiles = from && (await resolveFiles(from, tasks.folder));
  return { name, spec, files, shotFiles, hash: sha256(canonicalJson({ spec, files, shotFiles })) };
}

function noShots(name: string): never {
  fail('usage-shots', `The task ${name} has no shots.`, { remedy: 'Evaluate it without --shots.' });
}

async function benchmarkRequest({ folder }: Tasks, name: string, spec: BenchmarkTask): Promise<TaskRequest> {
  const parts = await resolveBenchmark(spec, folder);
  const files = parts.flatMap((p) => p.files);
  return { name, spec, files, parts, hash: sha256(canonicalJson({ spec, parts })) };
}

async function perplexityRequest({ corpora, file, folder }: Tasks, name: string): Promise<TaskRequest> {
  const corpus = corpora[name.slice(perplexity.length)];
  if (!corpus) {
    fail('unknown-corpus', `The task ${name} names a corpus that is not described${file && ` in ${file}`}.`, {
      remedy: 'Give --tasks-file an experiment with this corpus.',
    });
  }
  const { files: patterns, ...how } = corpus;
  const files = await resolveFiles(patterns, folder);
  const spec = { kind: 'perplexity', corpus: name.slice(perplexity.length) } as const;
  const hash = sha256(canonicalJson({ how, files }));
  return { name, spec, files, corpus: { ...how, hash }, hash };
}

function unknownTask({ tasks, file }: Tasks, name: string): never {
  return fail('unknown-task', `There is no task ${name}${file ? ` in ${file}` : ''}, and no benchmark of this name.`, {
    remedy: didYouMean(name, Object.keys(tasks)) ?? 'Name a file that describes it with --tasks-file.',
  });
}
