import { basename } from 'node:path';
import { attempt } from '../base/problem.ts';
import type { ResolvedAnalysis } from '../plan/types.ts';
import { newestOf, runFolders } from './find.ts';
import { layout } from './layout.ts';
import { readRun } from './read.ts';
import { measured } from './shapes.ts';
import { readRecord } from './snapshot.ts';

/** 95 % bootstrap interval over documents; null below two documents. */
export type ImportanceInterval = [low: number, high: number] | null;

/** What the layers mean for a task: the score of the unchanged model, and what it loses with each layer changed. */
export interface TaskImportance {
  /** Of the task: `acc`, `bits_per_byte` … */
  metric: string;
  documents: number;
  base: number;
  /** Drop of the score with each layer changed; positive where the model got worse. */
  drops: Partial<Record<'removal' | 'duplication', number[]>>;
  intervals: Partial<Record<'removal' | 'duplication', ImportanceInterval[]>>;
}

/** Means over heads and tokens, one value a layer; a description, no rank. */
export interface AttentionDescription {
  tokens: number;
  /** Nats. */
  entropy: number[];
  /** Share on the first token of the text. */
  first_token: number[];
  /** Mean distance, tokens. */
  distance: number[];
}

/**
 * `importance.json` (design §5, §6): how important each layer is, larger = more important. Lists have one value a layer, from
 * layer 0 of the model that was measured.
 */
export interface ImportanceRecord {
  strata_importance: 1;
  /** sha256 of the model. */
  model: string;
  /** Name of the corpus of `metrics`. */
  corpus: string;
  documents: number;
  tokens: number;
  /** Nats per token of the unchanged model. */
  nll: number;
  layers: number;
  /** `angular`, `influence`: dimensionless; `removal`, `duplication`: change of the negative log-likelihood, nats per token. */
  metrics: Record<string, number[]>;
  intervals: Record<string, ImportanceInterval[]>;
  /** With `angular`: by n − 1 and first layer, the mean angular distance of blocks of n layers at the last token (Gromov et al.). */
  blocks?: number[][];
  /** By corpus. */
  attention?: Record<string, AttentionDescription>;
  tasks?: Record<string, TaskImportance>;
}

/** The importance that an analysis run measured; undefined while it has not finished. */
export async function readImportance(folder: string): Promise<ImportanceRecord | undefined> {
  const record = await readRecord<ImportanceRecord>(folder, layout.importance);
  if (!record) return undefined;
  const { nll, metrics, intervals, blocks, attention, tasks } = record;
  return {
    ...record,
    nll: measured(nll),
    metrics: each(metrics, numbers),
    intervals: each(intervals, bounds),
    ...(blocks && { blocks: blocks.map(numbers) }),
    ...(attention && {
      attention: each(attention, ({ tokens, ...lists }) => ({ tokens, ...each(lists, numbers) })),
    }),
    ...(tasks && {
      tasks: each(tasks, (task) => ({
        ...task,
        base: measured(task.base),
        drops: each(task.drops, numbers),
        intervals: each(task.intervals, bounds),
      })),
    }),
  };
}

/* What is not finite was written as null. */
const numbers = (values: readonly number[]): number[] => values.map(measured);
const bounds = (values: readonly ImportanceInterval[]): ImportanceInterval[] =>
  values.map((interval) => interval && [measured(interval[0]), measured(interval[1])]);

/** An object with each of its values changed. */
function each<R extends object, V, W>(record: R & Partial<Record<string, V>>, change: (value: V) => W) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value as V)])) as {
    [K in keyof R]: W;
  };
}

/** Of the newest version of an analysis run, by its id in a plan. */
export async function importanceOf(strataFolder: string, id: string): Promise<ImportanceRecord | undefined> {
  const folder = await newestOf(strataFolder, id);
  return folder === undefined ? undefined : readImportance(folder);
}

/** A finished analysis of an experiment, as a view needs it. */
export interface Measurement {
  /** Run directory. */
  folder: string;
  /** Of the experiment. */
  stem: string;
  /** Absolute folder of the model that was measured; it may hold another one by now. */
  model: string;
  /** Milliseconds since the epoch. */
  asked: number;
  spec: ResolvedAnalysis;
  importance: ImportanceRecord;
}

/** The finished analyses of a `.strata`, newest first. Damaged ones are left out: the Runs view names them. */
export async function measurementsOf(strataFolder: string): Promise<Measurement[]> {
  const found: Measurement[] = [];
  for (const folder of await runFolders(strataFolder)) {
    // Thousands of runs are not read for the few that measured something.
    if (!basename(folder).includes('-analysis-')) continue;
    const read = await attempt(async () => ({ run: await readRun(folder), importance: await readImportance(folder) }));
    if (!read.ok || !read.value.importance || !read.value.run.spec.analysis) continue;
    const { spec, request } = read.value.run;
    const { stem } = request.experiment;
    const { asked, sources } = request;
    found.push({ folder, stem, model: sources.model, asked, spec: spec.analysis!, importance: read.value.importance });
  }
  return found.sort((a, b) => b.asked - a.asked);
}

/** How a measurement stands to a model: of exactly this one; of what its folder held before; not known while it is not hashed. */
export type Standing = 'current' | 'stale' | 'unknown';

/**
 * What was measured of a model, by its hash or, in the folder of before, by its name; those of exactly this model first, then
 * newest first. `hash`: of the model as it is now, where it is known.
 */
export function measurementsOfModel(
  all: readonly Measurement[],
  { folder, hash, layers }: { folder: string; hash: string | undefined; layers: number },
): (Measurement & { standing: Standing })[] {
  const standings: Standing[] = ['current', 'unknown', 'stale'];
  return all
    .flatMap((measured) => {
      const same = measured.importance.model === hash;
      if (measured.importance.layers !== layers || !(same || measured.model === folder)) return [];
      const standing: Standing = same ? 'current' : hash === undefined ? 'unknown' : 'stale';
      return [{ ...measured, standing }];
    })
    .sort((a, b) => standings.indexOf(a.standing) - standings.indexOf(b.standing));
}

/**
 * The newest finished analysis of an experiment, by its stem, whatever it was made of: for views that show what is there and have
 * no plan at hand. The record names the model and the corpus that it holds for.
 */
export async function newestImportance(strataFolder: string, stem: string): Promise<ImportanceRecord | undefined> {
  return (await measurementsOf(strataFolder)).find((measured) => measured.stem === stem)?.importance;
}
