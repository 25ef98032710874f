import { join } from 'node:path';
import { exists } from '../base/files.ts';
import type { RunSpec, TaskRequest } from '../plan/types.ts';
import { layout } from '../record/layout.ts';
import { readEvaluated } from '../record/read.ts';
import type { Evaluated, Stage } from '../record/types.ts';

/**
 * Stages that a run directory still lacks, from what lies there: `start.json` ends surgery, `tensors.json` ends training (and is
 * written last for an arm that trains nothing), and `evaluated.json` names the tasks that are answered, by hash. An analysis ends
 * with `importance.json`.
 */
export async function missingStages(folder: string, spec: RunSpec, tasks: readonly TaskRequest[]): Promise<Stage[]> {
  const there = (name: string) => exists(join(folder, name));
  if (spec.analysis) return (await there(layout.importance)) ? [] : allStages(spec);
  const [start, tensors, evaluated] = await Promise.all([
    there(layout.startTensors),
    there(layout.tensors),
    readEvaluated(folder),
  ]);
  return listMissing({ start, tensors, evaluated }, spec, tasks);
}

/** Stages of a run that nothing is there of. */
export function allStages({ analysis }: Pick<RunSpec, 'analysis'>): Stage[] {
  return analysis ? ['analyze'] : ['surgery', 'train', 'evaluate'];
}

/** Pure part of `missingStages`. */
export function listMissing(
  there: { start: boolean; tensors: boolean; evaluated: Evaluated },
  spec: Pick<RunSpec, 'training'>,
  tasks: readonly Pick<TaskRequest, 'name' | 'hash'>[],
): Stage[] {
  const missing: Partial<Record<Stage, boolean>> = {
    surgery: !there.tensors && !there.start,
    train: !there.tensors && spec.training !== undefined,
    evaluate: !there.tensors || tasks.some(({ name, hash }) => there.evaluated[name] !== hash),
  };
  return (Object.keys(missing) as Stage[]).filter((stage) => missing[stage]);
}
