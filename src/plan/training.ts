import type { TrainingSpec } from '../experiment/types.ts';
import { autoRecompute, type Trained } from './cost.ts';
import type { Stack } from './selectors.ts';
import type { CorpusContent, TrainingShape } from './types.ts';

/** Default length of a row: the smaller of 512 and the model's positions (design §4). */
export function sequenceOf(training: TrainingSpec, maxPositions: number): number {
  return training.sequence ?? Math.min(512, maxPositions);
}

/**
 * Rows in one pass over a corpus: its passes are laid end to end and cut into full rows (data/packing), so a pass may end
 * inside a row and this be a fraction. Token rows are rows as they are.
 */
export function rowsPerEpoch(content: Pick<CorpusContent, 'trainingTokens' | 'rows'>, sequence: number): number {
  return content.rows?.count ?? content.trainingTokens / sequence;
}

/** Of the first `sequences` sequences of a run, how many were replay (design §4: exactly round(n·share)). */
export function replayed(sequences: number, share: number): number {
  return Math.round(sequences * share);
}

/**
 * Optimizer steps of a run; undefined while `epochs` needs a corpus that was not counted. Steps for epochs: the fewest whole
 * batches whose sequences of the main corpus (replay does not count) cover `epochs` passes over its rows.
 */
export function stepsOf(training: TrainingSpec, sequence: number, content?: CorpusContent): number | undefined {
  const { length, batch, replay } = training;
  if (length.unit === 'steps') return length.value;
  if (length.unit === 'tokens') return Math.ceil(length.value / (batch * sequence));
  if (content === undefined) return undefined;
  const wanted = length.value * rowsPerEpoch(content, sequence);
  const share = replay?.share ?? 0;
  const main = (steps: number) => steps * batch - replayed(steps * batch, share);
  let steps = Math.max(1, Math.floor(wanted / (batch * (1 - share))) - 1);
  while (main(steps) < wanted) steps++;
  return steps;
}

/** Training with its defaults resolved, as far as the facts go. */
export function shapeOf(
  training: TrainingSpec,
  stack: Stack,
  trained: Trained,
  content: CorpusContent | undefined,
): TrainingShape {
  const sequence = sequenceOf(training, stack.config.maxPositions);
  const steps = stepsOf(training, sequence, content);
  const sizes = { batch: training.batch, microBatch: training.micro_batch, sequence };
  const recompute = training.recompute === 'auto' ? autoRecompute(stack, trained, sizes) : training.recompute;
  return { steps, ...sizes, recompute };
}

/** Rows that a run takes from token rows, and how many there are, if there are too few. */
export function missingRows(
  training: TrainingSpec,
  steps: number,
  main: CorpusContent,
  replay?: CorpusContent,
): { corpus: string; needed: number; there: number }[] {
  const sequences = steps * training.batch;
  const fromReplay = replayed(sequences, training.replay?.share ?? 0);
  const uses = [
    { content: main, needed: sequences - fromReplay },
    { content: replay, needed: fromReplay },
  ];
  return uses.flatMap(({ content, needed }) =>
    content?.rows !== undefined && content.rows.count < needed
      ? [{ corpus: content.name, needed, there: content.rows.count }]
      : [],
  );
}
