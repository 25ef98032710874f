import { fail } from '../base/problem.ts';
import type { BenchmarkTask } from '../experiment/types.ts';
import { type Read, type SingleBenchmark, type Split, splits } from '../tasks/benchmarks/types.ts';
import { type Benchmark, benchmarkOf, membersOf } from '../tasks/benchmarks.ts';
import { isGlob, resolveFiles } from './files.ts';
import { isLabelFile, labelled, withLabelFiles } from './label-files.ts';
import { type PlacedRecord, readRecordFile } from './records.ts';

/** One benchmark's files as they are used: the evaluated split, and the one that shots are drawn from. */
export interface BenchmarkPart {
  benchmark: string;
  split: Split;
  /** Absolute; a file of labels stands behind that of its records. */
  files: string[];
  /** Absent without shots, or where they are fixed. */
  shots?: { split: Split; files: string[] };
}

/** The row of a benchmark. Fails with `unknown-benchmark`. */
export function knownBenchmark(name: string): Benchmark {
  return (
    benchmarkOf(name) ??
    fail('unknown-benchmark', `There is no benchmark ${name}.`, { remedy: 'strata data lists them.' })
  );
}

/** The row of one part. Throws on a group: parts are single benchmarks. */
export function partBenchmark({ benchmark }: BenchmarkPart): SingleBenchmark {
  const row = benchmarkOf(benchmark);
  if (!row || row.form === 'group') throw new Error(`${benchmark} is no single benchmark`);
  return row;
}

/** Shots of a task: what it says, else the benchmark's own number. */
export function shotsOf({ shots }: Pick<BenchmarkTask, 'shots'>, row: SingleBenchmark): number {
  return shots ?? ('shots' in row ? row.shots : 0);
}

/**
 * The files of a benchmark, one part for each member of a group: those that the task names (`{subject}` in a path stands for
 * the subject), else those in `dataFolder` (`STRATA_DATA`). Of the splits that may be evaluated, and of those that shots may
 * come from, the first that is there is taken. Fails with `file-missing`, `unknown-benchmark`.
 */
export async function resolveBenchmark(
  task: Pick<BenchmarkTask, 'benchmark' | 'files' | 'shots'>,
  from: string,
  dataFolder = process.env['STRATA_DATA'],
): Promise<BenchmarkPart[]> {
  const benchmark = knownBenchmark(task.benchmark);
  const rows = membersOf(benchmark);
  const found: BenchmarkPart[] = [];
  const missing: string[] = [];
  for (const row of rows) {
    const part = await resolveRow(row, task, from, dataFolder);
    if (part) found.push(part);
    else missing.push(row.name);
  }
  if (missing.length === 0) return found;
  const named = Object.keys(task.files).length > 0;
  const splitNames = rows[0]!.evaluated.join(' or ');
  const where = named
    ? `"files" names no ${splitNames} split`
    : dataFolder === undefined || dataFolder === ''
      ? 'the task names no "files", and STRATA_DATA is not set'
      : `there is no ${splitNames} split in ${dataFolder}`;
  const whose = missing.length === rows.length ? benchmark.name : listed(missing);
  return fail('file-missing', `The data of ${whose} are missing: ${where}.`, {
    remedy: `strata data ${benchmark.name} says what is needed, from whom, and where it is looked for.`,
  });
}

/** Undefined if no split that may be evaluated is there. */
async function resolveRow(
  row: SingleBenchmark,
  task: Pick<BenchmarkTask, 'files' | 'shots'>,
  from: string,
  dataFolder: string | undefined,
): Promise<BenchmarkPart | undefined> {
  const there = Object.keys(task.files).length > 0 ? await named(row, task.files, from) : await lookUp(row, dataFolder);
  const split = row.evaluated.find((s) => there[s]);
  if (split === undefined) return undefined;
  const part: BenchmarkPart = { benchmark: row.name, split, files: there[split]! };
  const fixed = 'fixedShots' in row && row.fixedShots !== undefined;
  if (!('shotSplits' in row) || fixed || shotsOf(task, row) === 0) return part;
  // The reference's order: the split for shots, else train, validation, test; last of all the evaluated one itself.
  const shotSplit = row.shotSplits.find((s) => there[s]) ?? split;
  return { ...part, shots: { split: shotSplit, files: there[shotSplit]! } };
}

type SplitFiles = Partial<Record<Split, string[]>>;

async function named(row: SingleBenchmark, files: BenchmarkTask['files'], from: string): Promise<SplitFiles> {
  const found: SplitFiles = {};
  for (const split of splits) {
    const pattern = files[split];
    if (pattern === undefined) continue;
    const resolved = await resolveFiles([forSubject(pattern, row)], from);
    if (resolved.length > 0) found[split] = await withLabelFiles(resolved, row);
  }
  return found;
}

/** Which splits of a benchmark lie in the folder of data sets. */
export async function lookUp(row: SingleBenchmark, dataFolder: string | undefined): Promise<SplitFiles> {
  const found: SplitFiles = {};
  if (dataFolder === undefined || dataFolder === '') return found;
  for (const split of splits)
    for (const pattern of row.source.places[split] ?? []) {
      const files = await matches(forSubject(pattern, row), dataFolder);
      if (files.length === 0) continue;
      found[split] = await withLabelFiles(files, row);
      break;
    }
  return found;
}

/** Only files that are there: a pattern without wildcards stands for itself otherwise. */
async function matches(pattern: string, folder: string): Promise<string[]> {
  if (isGlob(pattern)) return resolveFiles([pattern], folder);
  const [level, file] = [pattern.slice(0, pattern.lastIndexOf('/') + 1), pattern.slice(pattern.lastIndexOf('/') + 1)];
  const there = await resolveFiles([`${level}*`], folder);
  return there.filter((path) => path.endsWith(file) && path.split(/[\\/]/).at(-1) === file);
}

const forSubject = (pattern: string, { subject = '' }: SingleBenchmark) => pattern.replaceAll('{subject}', subject);

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** A document of a benchmark, with the record it was made of: two documents are equal if their records are. */
export interface BenchmarkDocument<T> {
  question: T;
  record: PlacedRecord['record'];
}

/**
 * The documents of one split, in the order of its files. Fails with `invalid-record` and the place of a record that the
 * benchmark cannot read, `invalid-task` where none belongs to it.
 */
export async function readDocuments<T>(
  row: SingleBenchmark,
  read: Read<T>,
  split: Split,
  files: readonly string[],
): Promise<BenchmarkDocument<T>[]> {
  const documents: BenchmarkDocument<T>[] = [];
  for (const [i, file] of files.entries()) {
    if (isLabelFile(file)) continue;
    for (const { record, place } of await labelled(await records(file, row.columns), files[i + 1], row)) {
      if (row.belongs?.(record, split) === false) continue;
      const question = read(record);
      if (typeof question === 'string')
        fail('invalid-record', `The record of ${row.name} ${question}.`, {
          place,
          remedy: `A record is ${row.source.record}`,
        });
      documents.push({ question, record });
    }
  }
  if (documents.length === 0)
    fail('invalid-task', `There is no record of ${row.name} in ${files.join(', ')}.`, {
      remedy: `strata data ${row.name} says what is needed.`,
    });
  return documents;
}

// The members of a group often share one file.
let last: { key: string; records: Promise<PlacedRecord[]> } | undefined;
function records(file: string, columns: readonly string[] | undefined): Promise<PlacedRecord[]> {
  const key = JSON.stringify([file, columns]);
  if (last?.key !== key) last = { key, records: readRecordFile(file, { columns }) };
  return last.records;
}
