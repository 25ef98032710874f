import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readJsonIfThere } from '../../base/files.ts';
import { type Guard, isArrayOf, isNumber, isObject, isRecord, isRecordOf, isString } from '../../base/guards.ts';
import { sha256 } from '../../base/hash.ts';
import { readJsonLines } from '../../base/jsonl.ts';
import { attempt, fail } from '../../base/problem.ts';
import { layout } from '../../record/layout.ts';
import { readSamples as readRecords } from '../../record/read.ts';
import { readRecord } from '../../record/snapshot.ts';
import type { SampleRecord, Scores } from '../../record/types.ts';
import type { ComparedRun, CompareInput, ResultSource } from '../types.ts';
import { type HarnessResults, type HarnessSample, inFileName, resultsFile, samplesFile } from './lm-eval-fields.ts';
import { rebuildGroups } from './lm-eval-groups.ts';
import { readSamples, readScores } from './read-lm-eval.ts';

/** Results read from files: what becomes an arm beside the runs. */
export interface ForeignResults {
  arm: string;
  seed?: number;
  scores: Scores;
  samples: Record<string, SampleRecord[]>;
  /** Tasks and groups that a group holds whose documents stand together: compared where another arm or the file asks for them. */
  members: string[];
  source: ResultSource;
  /** sha256 of the file with the scores. */
  hash: string;
  device?: string;
  /** Milliseconds since the epoch. */
  made: number;
}

/**
 * Results at a path that is no run: `results_<date>.json` of lm-evaluation-harness, a folder with such files (the newest of
 * each task counts) or with one folder a model as its `--output_path` has them, or what `strata evaluate --out` wrote.
 * Undefined if there are none. Fails with `invalid-results` for a file that cannot be read.
 */
export async function readForeign(path: string): Promise<ForeignResults[] | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (!info) return undefined;
  if (!info.isDirectory()) {
    return resultsFile.test(basename(path)) ? [await readHarness(dirname(path), [basename(path)])] : undefined;
  }
  if (await readJsonIfThere(join(path, layout.spec))) return undefined;
  const names = await readdir(path);
  if (names.includes(layout.scores)) return [await readEvaluation(path)];
  const found = names.filter((name) => resultsFile.test(name)).sort();
  if (found.length > 0) return [await readHarness(path, found)];
  const inside: ForeignResults[] = [];
  for (const name of names.sort()) {
    const files = (await readdir(join(path, name)).catch(() => [] as string[])).filter((n) => resultsFile.test(n));
    if (files.length > 0) inside.push(await readHarness(join(path, name), files.sort()));
  }
  return inside.length > 0 ? inside : undefined;
}

/** One model's results; of several files a task's newest counts. `files` in the order of their dates. */
async function readHarness(folder: string, files: readonly string[]): Promise<ForeignResults> {
  const samplesOf = await samplesIn(folder);
  const scores: Scores = {};
  const samples: Record<string, SampleRecord[]> = {};
  const members = new Set<string>();
  let newest: { results: HarnessResults; text: string; file: string } | undefined;
  for (const file of files) {
    const text = await readFile(join(folder, file), 'utf8');
    const results = parseResults(text, join(folder, file));
    newest = { results, text, file };
    const date = resultsFile.exec(file)![1]!;
    for (const [task, own] of Object.entries(readScores(results))) {
      scores[task] = own;
      const lines = samplesOf.get(`${inFileName(task)} ${date}`);
      if (lines !== undefined) samples[task] = readSamples(await readLines(join(folder, lines)));
      else delete samples[task];
    }
    for (const name of rebuildGroups(results, scores, samples)) members.add(name);
  }
  const { results, text, file } = newest!;
  const { strata, config, model_name: model, lm_eval_version: version, date = 0 } = results;
  return {
    arm: strata?.arm ?? basename(model ?? folder),
    ...(strata?.seed !== undefined && { seed: strata.seed }),
    scores,
    samples,
    members: [...members],
    hash: sha256(text),
    ...(config?.device && { device: config.device }),
    made: date * 1000,
    source: {
      program: strata ? `Strata ${strata.version}` : ['lm-evaluation-harness', version].filter(Boolean).join(' '),
      ...(model !== undefined && { model }),
      path: join(basename(folder), file),
    },
  };
}

/** What is read of a results file whatever it holds; the harness writes null for what it does not know. */
const isResults = isObject({
  results: isRecordOf(isRecord),
  model_name: orNull(isString),
  lm_eval_version: orNull(isString),
  date: orNull(isNumber),
});

function orNull<T>(item: Guard<T>): Guard<T | null | undefined> {
  return (v): v is T | null | undefined => v === undefined || v === null || item(v);
}

function parseResults(text: string, place: string): HarnessResults {
  const results = (() => {
    try {
      // Python writes numbers that JSON does not have.
      return JSON.parse(text.replace(/([:[,]\s*)(?:NaN|-?Infinity)(?=\s*[,}\]])/g, '$1null')) as HarnessResults;
    } catch {
      return undefined;
    }
  })();
  if (isResults(results)) return results as HarnessResults;
  return fail(
    'invalid-results',
    'This is no results file of lm-evaluation-harness: "results", "model_name" or "date" are not what it writes.',
    {
      place,
      remedy: 'Name the folder that its --output_path wrote.',
    },
  );
}

/** Requests are lists of lists in older versions. */
const isRequests: Guard<HarnessSample['arguments']> = (v): v is HarnessSample['arguments'] =>
  Array.isArray(v) ? v.every(Array.isArray) : isRecordOf(isRecord)(v);

/** Whether a line has what is read of it: the file is anybody's. */
const isSample = isObject({
  doc_id: isNumber,
  metrics: isArrayOf(isString),
  resps: isArrayOf(Array.isArray),
  filtered_resps: Array.isArray,
  arguments: isRequests,
});

async function readLines(path: string): Promise<HarnessSample[]> {
  const read = await attempt(() => readJsonLines<HarnessSample>(path)).catch(() => undefined);
  if (read?.ok && read.value.every(isSample)) return read.value;
  return fail('invalid-results', 'These are no samples of lm-evaluation-harness.', {
    place: path,
    remedy: 'Write them anew with --log_samples.',
  });
}

/** Sample files by task (as it stands in the name) and date. */
async function samplesIn(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(folder)) {
    const match = samplesFile.exec(name);
    if (match) found.set(`${match[1]} ${match[2]}`, name);
  }
  return found;
}

/** What `strata evaluate --out` wrote. */
async function readEvaluation(folder: string): Promise<ForeignResults> {
  const text = await readFile(join(folder, layout.scores), 'utf8');
  const scores = (await readRecord<Scores>(folder, layout.scores))!;
  const samples: Record<string, SampleRecord[]> = {};
  for (const task of Object.keys(scores)) samples[task] = await readRecords(folder, task);
  return {
    arm: basename(folder),
    scores,
    samples,
    members: [],
    hash: sha256(text),
    made: (await stat(join(folder, layout.scores))).mtimeMs,
    source: { program: 'strata evaluate', path: basename(folder) },
  };
}

/** The comparison with these results as arms of their own. Their names are made unique with a number behind them. */
export function withForeign(input: CompareInput, foreign: readonly ForeignResults[]): CompareInput {
  const arms = [...input.arms];
  const runs = [...input.runs];
  const planned = [...input.planned];
  const named = new Map<string, string>();
  const { gain, forgetting } = input.compare;
  const asked = new Set([gain, ...forgetting].flatMap((ref) => ref?.task ?? []));
  for (const { run } of input.runs) for (const task of Object.keys(run.scores ?? {})) asked.add(task);
  for (const read of foreign) {
    const results = withoutMembers(read, asked);
    // Seeds that Strata wrote side by side belong to one arm.
    const key = results.seed === undefined ? `${results.arm} ${named.size}` : results.arm;
    const arm = named.get(key) ?? uniqueName(results.arm, arms);
    if (!named.has(key)) arms.push(arm);
    named.set(key, arm);
    const run = foreignRun(results, arm);
    runs.push(run);
    planned.push({ id: run.run.id, arm, ...(results.seed !== undefined && { seed: results.seed }), tasks: [] });
  }
  const title = input.title === '' ? foreign.map((f) => f.arm).join(' and ') : input.title;
  return { ...input, title, arms, runs, planned };
}

/** A group speaks for its members, unless one of them is asked for by itself. */
function withoutMembers(results: ForeignResults, asked: ReadonlySet<string>): ForeignResults {
  const left = new Set(results.members.filter((name) => !asked.has(name)));
  const kept = <T>(of: Record<string, T>) => Object.fromEntries(Object.entries(of).filter(([name]) => !left.has(name)));
  return left.size === 0 ? results : { ...results, scores: kept(results.scores), samples: kept(results.samples) };
}

function uniqueName(name: string, taken: readonly string[]): string {
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? name : `${name} (${i})`;
    if (!taken.includes(candidate)) return candidate;
  }
}

/** In the shape of a run: `source` says that it is none, so that nothing is proven, noted or timed for it. */
function foreignRun({ seed, scores, samples, source, hash, made }: ForeignResults, arm: string): ComparedRun {
  const id = seed === undefined ? arm : `${arm}, seed ${seed}`;
  const seeded = seed !== undefined ? { seed } : {};
  return {
    source,
    run: {
      id,
      folder: source.path,
      spec: { engine_semantics: 0, model: '', surgery: {}, trained: [], ...seeded, device: 'cpu' },
      request: {
        attempt: 0,
        experiment: { file: '', stem: arm },
        arm,
        ...seeded,
        hash,
        sources: { model: source.model ?? '' },
        tasks: [],
        threads: 0,
        version: source.program,
        asked: made,
        order: 0,
        stages: [],
      },
      attempts: 0,
      place: { kind: 'local' },
      state: 'succeeded',
      scores,
    },
    steps: [],
    curve: [],
    samples,
  };
}
