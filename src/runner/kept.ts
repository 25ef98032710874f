import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Trainer } from '../engine/types.ts';
import { layout } from '../record/layout.ts';
import type { ScoreRecord } from '../record/types.ts';
import { metricOf } from '../tasks/metrics.ts';
import { primaryMetric } from '../tasks/primary.ts';

/** `checkpoint/best-120`: the state after 120 steps, the best so far by the task of `keep`. */
const fileOf = (folder: string, step: number) => join(folder, layout.checkpoint, `best-${step}`);
const pattern = /^best-(\d+)$/;

/** Where the best weights were met, and how good they are there. */
export interface Best {
  step: number;
  metric: string;
  value: number;
}

/**
 * The best of a task's scores at steps 1 … `until` by its primary metric; of equals the earliest. Undefined while there are none.
 * Pure: a resumed run finds from its records what it would have found.
 */
export function bestOf(curve: readonly ScoreRecord[], task: string, until: number): Best | undefined {
  const own = curve.filter((r) => r.task === task && r.step > 0 && r.step <= until && Number.isFinite(r.value));
  const metric = primaryMetric([...new Set(own.map((r) => r.metric))], task);
  const sign = metric !== undefined && metricOf(metric)?.direction === 'lower' ? -1 : 1;
  const scores = own.filter((r) => r.metric === metric).toSorted((a, b) => a.step - b.step);
  const [first, ...others] = scores;
  if (!first) return undefined;
  const {
    step,
    metric: name,
    value,
  } = others.reduce((best, r) => (sign * r.value > sign * best.value ? r : best), first);
  return { step, metric: name, value };
}

/** Saves the trainer's state as the best; the one before is removed only when the new one is durable. */
export async function saveBest(folder: string, trainer: Trainer): Promise<void> {
  const { step } = trainer;
  await mkdir(join(folder, layout.checkpoint), { recursive: true, mode: 0o700 });
  await trainer.save(fileOf(folder, step));
  for (const name of await readdir(join(folder, layout.checkpoint))) {
    const other = pattern.exec(name);
    if (other && Number(other[1]) !== step) await rm(join(folder, layout.checkpoint, name), { force: true });
  }
}

export const loadBest = (folder: string, trainer: Trainer, step: number) => trainer.load(fileOf(folder, step));
