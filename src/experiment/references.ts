import type { FileInput } from './schema.ts';
import type { TrainingOverrides } from './schema-arms.ts';
import type { Path } from './tree.ts';

/** A place where a name is used that is defined elsewhere in the file (or, for tasks, is built in). */
export interface Reference {
  kind: 'arm' | 'corpus' | 'task';
  name: string;
  path: Path;
  /** Characters of the value that are the name; all of it if absent. */
  inside?: [start: number, end: number];
}

const prefix = 'perplexity:';

/** The corpus of `perplexity:CORPUS`, or undefined for other tasks. */
export function perplexityCorpus(task: string): string | undefined {
  return task.startsWith(prefix) ? task.slice(prefix.length) : undefined;
}

/** Every use of a name, in the order of the file's keys: for checks, go-to-definition and rename. */
export function references(written: Partial<FileInput>): Reference[] {
  const { analysis, arms = {}, training, evaluation, compare } = written;
  return [
    ...ofAnalysis(analysis?.corpus),
    ...taskList(analysis?.tasks, ['analysis', 'tasks']),
    ...Object.entries(arms).flatMap(([name, arm]) => [
      ...use('arm', arm.from, ['arms', name, 'from']),
      ...use('arm', arm.lora?.arm, ['arms', name, 'lora', 'arm']),
      ...ofTraining(arm.training, ['arms', name, 'training']),
    ]),
    ...ofTraining(training, ['training']),
    ...taskList(evaluation?.tasks, ['evaluation', 'tasks']),
    ...use('arm', compare?.baseline, ['compare', 'baseline']),
    ...use('arm', compare?.subject, ['compare', 'subject']),
    ...metric(compare?.gain, ['compare', 'gain']),
    ...(compare?.forgetting ?? []).flatMap((m, i) => metric(m, ['compare', 'forgetting', i])),
  ];
}

function use(kind: Reference['kind'], name: string | null | undefined, path: Path): Reference[] {
  return name === null || name === undefined ? [] : [{ kind, name, path }];
}

function ofAnalysis(corpus: string | readonly string[] | undefined): Reference[] {
  const path = ['analysis', 'corpus'];
  if (corpus === undefined || typeof corpus === 'string') return use('corpus', corpus, path);
  return corpus.flatMap((name, i) => use('corpus', name, [...path, i]));
}

function ofTraining(training: TrainingOverrides | undefined, path: Path): Reference[] {
  return [
    ...use('corpus', training?.corpus, [...path, 'corpus']),
    ...use('corpus', training?.replay?.corpus, [...path, 'replay', 'corpus']),
    ...use('arm', training?.distill?.teacher, [...path, 'distill', 'teacher']),
    ...use('corpus', training?.distill?.corpus, [...path, 'distill', 'corpus']),
    ...(typeof training?.keep === 'object' && training.keep ? task(training.keep.best, [...path, 'keep', 'best']) : []),
  ];
}

function taskList(tasks: readonly string[] | undefined, path: Path): Reference[] {
  return (tasks ?? []).flatMap((name, i) => task(name, [...path, i]));
}

function task(name: string, path: Path): Reference[] {
  const corpus = perplexityCorpus(name);
  return corpus === undefined
    ? use('task', name, path)
    : [{ kind: 'corpus', name: corpus, path, inside: [prefix.length, name.length] }];
}

function metric(written: NonNullable<FileInput['compare']>['gain'], path: Path): Reference[] {
  if (written === undefined) return [];
  return typeof written === 'string' ? task(written, path) : task(written.task, [...path, 'task']);
}
