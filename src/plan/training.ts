import { replayed, stepsFor } from '../data/training-data.ts';
import type { TrainingSpec } from '../experiment/types.ts';
import { autoRecompute, type Trained } from './cost.ts';
import type { Stack } from './selectors.ts';
import type { CorpusContent, TrainingShape } from './types.ts';

/** Default length of a row: the smaller of 512 and the model's positions (design §4). */
export function sequenceOf(training: TrainingSpec, maxPositions: number): number {
  return training.sequence ?? Math.min(512, maxPositions);
}

/**
 * Optimizer steps of a run; undefined while `epochs` needs a corpus that was not counted to the last token, or that has none
 * (token rows).
 */
export function stepsOf(training: TrainingSpec, sequence: number, content?: CorpusContent): number | undefined {
  if (training.length.unit === 'epochs' && (content?.kind !== 'text' || !content.exact)) return undefined;
  return Math.max(1, stepsFor({ ...training, sequence }, (content?.tokens ?? 0) / sequence));
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
  const distilled = training.distill !== undefined;
  const recompute = training.recompute === 'auto' ? autoRecompute(stack, trained, sizes) : training.recompute;
  return { steps, ...sizes, recompute, distilled };
}

/** Rows that a run takes from token rows, and how many there are, if there are too few. */
export function missingRows(
  training: TrainingSpec,
  steps: number,
  main: CorpusContent,
  replay?: CorpusContent,
  distill?: CorpusContent,
): { corpus: string; needed: number; there: number }[] {
  const sequences = steps * training.batch;
  const fromReplay = replayed(sequences, training.replay?.share ?? 0);
  const uses = [
    { content: main, needed: sequences - fromReplay },
    { content: replay, needed: fromReplay },
    { content: distill, needed: sequences },
  ];
  return uses.flatMap(({ content, needed }) =>
    content?.kind === 'tokens' && content.documents < needed
      ? [{ corpus: content.name, needed, there: content.documents }]
      : [],
  );
}
