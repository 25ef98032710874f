import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readJsonLines } from '../base/jsonl.ts';
import { fail } from '../base/problem.ts';
import type { RunSpec } from '../plan/types.ts';
import { layout, samplesFile } from './layout.ts';
import { mirroredState } from './mirror.ts';
import { isElsewhere } from './place.ts';
import { isEvent, isMetric, isSample, measured } from './shapes.ts';
import { countAttempts, readRecord, snapshot } from './snapshot.ts';
import { deriveState, states } from './state.ts';
import type {
  Evaluated,
  PlaceRecord,
  Run,
  RunData,
  RunEvent,
  RunRequest,
  SampleRecord,
  ScoreRecord,
  Scores,
  StepRecord,
  UpdateRecord,
} from './types.ts';

/** A run directory with its state derived now. Fails with `unknown-run` if the folder is none. */
export async function readRun(folder: string): Promise<Run> {
  for (;;) {
    const attempts = await attemptsOf(folder);
    const run = await readAttempt(folder, attempts);
    // What follows an attempt is asked for before its end is recorded: then the run has not ended.
    if (!states[run.state].ended || (await attemptsOf(folder)) === attempts) return run;
  }
}

const attemptsOf = (folder: string) =>
  countAttempts(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return 0;
    throw error;
  });

/** The run as its newest attempt, of so many, has it. */
async function readAttempt(folder: string, attempts: number): Promise<Run> {
  const spec = attempts > 0 ? await readRecord<RunSpec>(folder, layout.spec) : undefined;
  if (!spec) {
    fail('unknown-run', `${folder} is no run directory.`, { place: folder, remedy: 'strata runs lists the runs.' });
  }
  const [request, scores] = await Promise.all([
    readRecord<RunRequest>(folder, layout.request(attempts - 1)),
    readRecord<Scores>(folder, layout.scores),
  ]);
  const place: PlaceRecord = (await readRecord<PlaceRecord>(folder, layout.place)) ?? { kind: 'local' };
  return {
    id: basename(folder),
    folder,
    spec,
    request: request!,
    attempts,
    place,
    ...(isElsewhere(place)
      ? await mirroredState(folder, place)
      : deriveState({ ...(await snapshot(folder, attempts - 1)), scheduled: place.kind === 'slurm' })),
    ...(scores && { scores: restored(scores) }),
  };
}

/** Scores that were not finite stand as null in JSON. */
function restored(scores: Scores): Scores {
  return Object.fromEntries(
    Object.entries(scores).map(([task, own]) => [
      task,
      Object.fromEntries(Object.entries(own).map(([name, s]) => [name, { ...s, value: measured(s.value) }])),
    ]),
  );
}

/** What of a task's documents is kept in memory; called as soon as they are read. */
export type KeepSamples = (run: Run, task: string, samples: SampleRecord[]) => SampleRecord[];

/** Everything a comparison needs of one run. */
export async function loadRunData(
  folder: string,
  keep: KeepSamples = (_run, _task, samples) => samples,
): Promise<RunData> {
  const run = await readRun(folder);
  const { steps, curve, updates } = await readMetrics(folder);
  const samples: Record<string, SampleRecord[]> = {};
  for (const task of Object.keys(run.scores ?? {})) samples[task] = keep(run, task, await readSamples(folder, task));
  return { run, steps, curve, updates, samples };
}

/** A line of `metrics.N.jsonl`. */
type MetricsRecord = StepRecord | ScoreRecord | UpdateRecord;

/**
 * Each optimizer step and each intermediate score exactly once, in order: a later attempt supersedes what an earlier one
 * wrote after the checkpoint, and a torn last line is left out.
 */
export async function readMetrics(
  folder: string,
): Promise<{ steps: StepRecord[]; curve: ScoreRecord[]; updates: UpdateRecord[] }> {
  const attempts = await countAttempts(folder);
  const steps = new Map<number, StepRecord>();
  const curve = new Map<string, ScoreRecord>();
  const updates = new Map<number, UpdateRecord>();
  for (let n = 0; n < attempts; n++) {
    for (const record of await readJsonLines<MetricsRecord>(join(folder, layout.metrics(n)), isMetric)) {
      if ('task' in record)
        curve.set(`${record.step} ${record.task} ${record.metric}`, { ...record, value: measured(record.value) });
      else if ('update_ratio' in record) updates.set(record.step, record);
      else steps.set(record.step, record);
    }
  }
  const inOrder = <T extends { step: number }>(records: Map<unknown, T>) =>
    [...records.values()].sort((a, b) => a.step - b.step);
  return { steps: inOrder(steps), curve: inOrder(curve), updates: inOrder(updates) };
}
export const readSteps = async (folder: string): Promise<StepRecord[]> => (await readMetrics(folder)).steps;
export const readScoreCurve = async (folder: string): Promise<ScoreRecord[]> => (await readMetrics(folder)).curve;

/** The documents of a task with their scores; [] if it was not evaluated. */
export function readSamples(folder: string, task: string): Promise<SampleRecord[]> {
  return readJsonLines<SampleRecord>(join(folder, samplesFile(task)), isSample);
}

/** Events of all attempts, in order. */
export async function readEvents(folder: string): Promise<RunEvent[]> {
  const attempts = await countAttempts(folder);
  const all: RunEvent[] = [];
  for (let n = 0; n < attempts; n++)
    all.push(...(await readJsonLines<RunEvent>(join(folder, layout.events(n)), isEvent)));
  return all;
}

export async function readEvaluated(folder: string): Promise<Evaluated> {
  return (await readRecord<Evaluated>(folder, layout.evaluated)) ?? {};
}

const tailBytes = 64 * 1024;

/** The last records of a file that may be long. What was cut or torn on the way is left out: the newest record counts. */
async function tail<T>(path: string, fits: (value: unknown) => boolean): Promise<T[]> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!handle) return [];
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - tailBytes);
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    const lines = (start === 0 ? text : text.slice(text.indexOf('\n') + 1)).split('\n').slice(0, -1);
    return lines.flatMap((line) => wholeRecord<T>(line, fits));
  } finally {
    await handle.close();
  }
}

function wholeRecord<T>(line: string, fits: (value: unknown) => boolean): T[] {
  try {
    const value: unknown = JSON.parse(line);
    return fits(value) ? [value as T] : [];
  } catch {
    return [];
  }
}

/** Label of the progress event that says that optimizer steps follow; how far they are is in the metrics. */
export const stepsLabel = 'steps';

/** Where a run stands, read from the ends of its files. */
export interface RunProgress {
  /** The last event of the newest attempt that says what is being done. */
  current?: Extract<RunEvent, { type: 'progress' } | { type: 'stage' }>;
  /** The newest optimizer step. */
  step?: StepRecord;
  /** Optimizer steps in the whole run. */
  steps: number;
}

export async function readProgress(run: Run): Promise<RunProgress> {
  const steps = run.spec.training?.steps ?? 0;
  const n = run.attempts - 1;
  const events = await tail<RunEvent>(join(run.folder, layout.events(n)), isEvent);
  const current = events.findLast((e) => e.type === 'progress' || e.type === 'stage');
  for (let k = n; k >= 0; k--) {
    const records = await tail<MetricsRecord>(join(run.folder, layout.metrics(k)), isMetric);
    const step = records.findLast((r): r is StepRecord => 'loss' in r);
    if (step) return { ...(current && { current }), step, steps };
  }
  return { ...(current && { current }), steps };
}
