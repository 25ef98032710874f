import { newestOf, runsOf } from './find.ts';
import { layout } from './layout.ts';
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
export function readImportance(folder: string): Promise<ImportanceRecord | undefined> {
  return readRecord<ImportanceRecord>(folder, layout.importance);
}

/** Of the newest version of an analysis run, by its id in a plan. */
export async function importanceOf(strataFolder: string, id: string): Promise<ImportanceRecord | undefined> {
  const folder = await newestOf(strataFolder, id);
  return folder === undefined ? undefined : readImportance(folder);
}

/**
 * The newest finished analysis of an experiment, by its stem, whatever it was made of: for views that show what is there and have
 * no plan at hand. The record names the model and the corpus that it holds for.
 */
export async function newestImportance(strataFolder: string, stem: string): Promise<ImportanceRecord | undefined> {
  const { runs } = await runsOf(strataFolder);
  const analyses = runs.filter(({ spec, request }) => spec.analysis !== undefined && request.experiment.stem === stem);
  for (const { folder } of analyses.reverse()) {
    const found = await readImportance(folder);
    if (found) return found;
  }
  return undefined;
}
