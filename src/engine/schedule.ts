import type { ResolvedTraining } from '../plan/types.ts';

type Schedule = Pick<ResolvedTraining, 'schedule' | 'warmup' | 'steps' | 'learning_rate'>;

/** Factor of the learning rate after the warm-up, by the share of the remaining steps that is done. */
const shapes: Record<ResolvedTraining['schedule'], (done: number) => number> = {
  constant: () => 1,
  linear: (done) => Math.max(0, 1 - done),
  cosine: (done) => Math.max(0, 0.5 * (1 + Math.cos(Math.PI * done))),
};

/** Steps of warm-up: a warmup below 1 is a share of the steps (rounded up, as transformers' Trainer does), else a count. */
export function warmupSteps({ warmup, steps }: Pick<Schedule, 'warmup' | 'steps'>): number {
  return warmup < 1 ? Math.ceil(warmup * steps) : warmup;
}

/**
 * Learning rate used in optimizer step `step` (0-based). Source: transformers optimization.py, `get_*_schedule_with_warmup`:
 * step 0 of a warm-up has rate 0.
 */
export function learningRate(schedule: Schedule, step: number): number {
  const warmup = warmupSteps(schedule);
  if (step < warmup) return schedule.learning_rate * (step / Math.max(1, warmup));
  const done = (step - warmup) / Math.max(1, schedule.steps - warmup);
  return schedule.learning_rate * shapes[schedule.schedule](done);
}
