import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { canonicalJson, sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import { resolveFiles } from '../data/files.ts';
import { parse } from '../experiment/parse.ts';
import { readBySchema } from '../experiment/read.ts';
import { resolveTask } from '../experiment/resolve.ts';
import { file as experimentSchema } from '../experiment/schema.ts';
import { nearest } from '../experiment/suggest.ts';
import { readTree } from '../experiment/tree.ts';
import type { CorpusSpec, TaskSpec } from '../experiment/types.ts';
import type { TaskRequest } from '../plan/types.ts';
import { benchmarkOf } from '../tasks/benchmarks.ts';

/** Tasks by name, and the corpora that `perplexity:X` may name; paths are relative to `folder`. */
export interface Tasks {
  /** As it was named, for messages. */
  file: string;
  folder: string;
  tasks: Record<string, TaskSpec>;
  corpora: Record<string, CorpusSpec>;
}

/**
 * Reads the `tasks:` mapping of an experiment, as a file of its own (YAML or JSON) or inside of a whole experiment, whose
 * corpora then serve `perplexity:X`. Fails with `invalid-tasks` at `file:line:column`.
 */
export async function readTasksFile(file: string): Promise<Tasks> {
  const text = await readFile(file, 'utf8');
  const tree = readTree(text);
  const here = { file, folder: dirname(file) };
  if (tree.has(['strata'])) {
    const { draft, diagnostics } = parse(text, { file });
    const error = diagnostics.find((d) => d.severity === 'error');
    if (error) fail('invalid-tasks', error.message, { place: `${file}:${error.line}:${error.column}` });
    return { ...here, tasks: draft.tasks, corpora: draft.corpora };
  }
  const { value = {}, problems } = readBySchema(experimentSchema.shape.tasks, tree);
  const problem = tree.problems[0] ?? problems[0];
  if (problem) {
    const { line, column } = tree.position(problem.range.start);
    fail('invalid-tasks', problem.message, { place: `${file}:${line}:${column}` });
  }
  const tasks = Object.fromEntries(Object.entries(value).map(([name, task]) => [name, resolveTask(task!)]));
  return { ...here, tasks, corpora: {} };
}

const perplexity = 'perplexity:';

/**
 * The named tasks as requests for `evaluateTask`, their files resolved; without names, all of the file's. Fails with
 * `unknown-task`, `unknown-corpus`, `not-available` (built-in benchmarks).
 */
export async function taskRequests(tasks: Tasks, names: readonly string[]): Promise<TaskRequest[]> {
  const chosen = names.length > 0 ? names : Object.keys(tasks.tasks);
  if (chosen.length === 0) fail('usage-tasks', 'There is no task.', { remedy: 'Name a file with --tasks-file.' });
  return Promise.all(chosen.map((name) => taskRequest(tasks, name)));
}

async function taskRequest(tasks: Tasks, name: string): Promise<TaskRequest> {
  if (name.startsWith(perplexity)) return perplexityRequest(tasks, name);
  const spec = tasks.tasks[name];
  if (!spec) return unknownTask(tasks, name);
  const files = 'files' in spec && Array.isArray(spec.files) ? await resolveFiles(spec.files, tasks.folder) : [];
  const from = 'shots_from' in spec ? spec.shots_from : undefined;
  const shotFiles = from && (await resolveFiles(from, tasks.folder));
  return { name, spec, files, shotFiles, hash: sha256(canonicalJson({ spec, files, shotFiles })) };
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
  if (benchmarkOf(name)) {
    fail('not-available', `This version does not carry out the benchmark ${name}.`, {
      remedy: 'Write it as a task of your own, of kind choice or generate.',
    });
  }
  const meant = nearest(name, Object.keys(tasks));
  return fail('unknown-task', `There is no task ${name}${file ? ` in ${file}` : ''}.`, {
    remedy: meant ? `Did you mean ${meant}?` : 'Name a file that describes it with --tasks-file.',
  });
}
