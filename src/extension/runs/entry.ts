import { readdirSync, readFileSync } from 'node:fs';
import { basename, sep } from 'node:path';
import { attempt } from '../../base/problem.ts';
import { layout } from '../../record/layout.ts';
import { type RunProgress, readProgress, readRun, stepsLabel } from '../../record/read.ts';
import { type ExitRecord, states } from '../../record/state.ts';
import type { PlaceRecord, Run, RunRequest, RunState, Scores } from '../../record/types.ts';
import { primaryMetric } from '../../report/metrics.ts';

/** One run as the Runs view shows it; plain data, so that it can be kept on disk. */
export interface RunEntry {
  id: string;
  folder: string;
  experiment: { file: string; stem: string; title?: string };
  arm: string;
  seed?: number;
  state: RunState;
  reason?: string;
  attempts: number;
  /** Milliseconds since the epoch, and the order among those asked for at once. */
  asked: number;
  order: number;
  /** Milliseconds since the epoch. */
  ended?: number;
  /** `ssh:host` and the like; absent for this machine. */
  place?: string;
  /** The metric that speaks for each task. */
  values: { task: string; metric: string; value: number }[];
  progress?: EntryProgress;
  /** Training has ended: there is a model to look at. */
  modelled: boolean;
}

/** Where a run at work stands. */
export interface EntryProgress {
  /** What is being done: `training`, or the words of the run's last event. */
  label: string;
  /** In [0, 1]. */
  share?: number;
  /** Tokens a second. */
  rate?: number;
  /** Seconds. */
  remaining?: number;
  step?: { done: number; total: number; loss: number };
}

/** A folder among the runs that cannot be read as one. */
export interface DamagedRun {
  id: string;
  folder: string;
  damaged: string;
}

export type ReadEntry = RunEntry | DamagedRun;
/** An analysis that has ended: importance may be known now. */
export const isMeasurement = (entry: ReadEntry): boolean =>
  !isDamaged(entry) && entry.arm === 'analysis' && states[entry.state].ended;
export const isDamaged = (entry: ReadEntry): entry is DamagedRun => 'damaged' in entry;

/** Reads one run directory; a folder that vanished meanwhile is undefined, one that cannot be read says why. */
export async function readEntry(folder: string): Promise<ReadEntry | undefined> {
  const quick = readEnded(folder);
  if (quick) return quick;
  const read = await attempt(async () => {
    const run = await readRun(folder);
    return entryOf(run, states[run.state].active ? await readProgress(run) : undefined);
  }).catch((error: unknown) => ({ ok: false as const, problem: { message: String(error) } }));
  if (read.ok) return read.value;
  return namesIn(folder) === undefined ? undefined : { id: basename(folder), folder, damaged: read.problem.message };
}

/**
 * A run whose newest attempt has an exit record: this record alone decides its state (`record/state.ts`), so three small files
 * tell everything. Thousands of runs are read this way, hence synchronously. Undefined for all others.
 */
function readEnded(folder: string): RunEntry | undefined {
  const names = namesIn(folder);
  const attempts = Math.max(
    0,
    ...(names ?? []).map((name) => Number(/^request\.(\d+)\.json$/.exec(name)?.[1] ?? -1) + 1),
  );
  const exitName = layout.exit(attempts - 1);
  if (attempts === 0 || !names!.includes(exitName)) return undefined;
  // `join` would cost as much as the parsing.
  const read = <T>(name: string) => JSON.parse(readFileSync(`${folder}${sep}${name}`, 'utf8')) as T;
  try {
    const exit = read<ExitRecord>(exitName);
    const run: EntryRun = {
      id: basename(folder),
      folder,
      request: read<RunRequest>(layout.request(attempts - 1)),
      attempts,
      place: names!.includes(layout.place) ? read<PlaceRecord>(layout.place) : { kind: 'local' },
      state: exit.outcome,
      ...(exit.reason !== undefined && { reason: exit.reason }),
      ...(names!.includes(layout.scores) && { scores: read<Scores>(layout.scores) }),
    };
    return { ...entryOf(run, undefined), ended: exit.time, modelled: names!.includes(layout.tensors) };
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch {
    return undefined;
  }
}

type EntryRun = Omit<Run, 'spec'> & { spec?: Run['spec'] };

function entryOf(run: EntryRun, progress: RunProgress | undefined): RunEntry {
  const { id, folder, request, attempts, place, state, reason, scores } = run;
  const { experiment, arm, seed, asked, order } = request;
  return {
    id,
    folder,
    experiment,
    arm,
    ...(seed !== undefined && { seed }),
    state,
    ...(reason !== undefined && { reason }),
    attempts,
    asked,
    order,
    ...(place.kind !== 'local' && { place: place.host === undefined ? place.kind : `${place.kind}:${place.host}` }),
    values: spokenValues(scores ?? {}),
    ...(progress && run.spec && { progress: progressOf(progress, run.spec.training) }),
    modelled: false,
  };
}

function spokenValues(scores: Scores): RunEntry['values'] {
  return Object.entries(scores).flatMap(([task, metrics]) => {
    const metric = primaryMetric(Object.keys(metrics));
    return metric === undefined ? [] : [{ task, metric, value: metrics[metric]!.value }];
  });
}

/** Pure: what the ends of a run's files say of where it stands. */
export function progressOf(
  { current, step, steps }: RunProgress,
  training: { batch: number; sequence: number } | undefined,
): EntryProgress {
  const trained = step && steps > 0 ? { step: { done: step.step, total: steps, loss: step.loss } } : {};
  if (current?.type === 'progress' && current.label !== stepsLabel) {
    const share = current.total > 0 ? current.done / current.total : undefined;
    return { label: current.label, ...(share !== undefined && { share }), ...trained };
  }
  if (current?.type === 'progress' && step && training && steps > 0) {
    const left = (steps - step.step) * training.batch * training.sequence;
    const rate = step.tokens_per_second;
    return {
      label: 'training',
      share: step.step / steps,
      ...(rate > 0 && { rate, remaining: left / rate }),
      ...trained,
    };
  }
  return { label: current?.type === 'stage' ? current.stage : 'training', ...trained };
}
