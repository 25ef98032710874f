import type { Experiment, TaskSpec } from '../experiment/types.ts';
import { detectableDifference } from '../statistics/power.ts';
import { benchmarkOf } from '../tasks/benchmarks.ts';
import { taskSpec } from './tasks.ts';
import type { Facts, TaskDetectable } from './types.ts';

/**
 * What is assumed before anything was measured: a quarter of the documents is answered by one of two arms only, and half of
 * that is the same in every seed. Two trained arms of the sample experiment differ so (docs/statistics.md); fewer changes let
 * smaller differences be seen.
 */
export const assumedChange = 0.25;
export const assumedRepeat = 0.5;

/** What each task of yes/no answers can show with its documents and these seeds. Of perplexities nothing is known beforehand. */
export function detectableOf(experiment: Experiment, facts: Facts, seeds: number): TaskDetectable[] {
  return experiment.evaluation.tasks.flatMap((task): TaskDetectable[] => {
    const spec = taskSpec(task, experiment);
    const documents = facts.taskContents?.[task]?.documents;
    if (spec === undefined || documents === undefined || documents < 2 || !isYesNo(spec)) return [];
    const found = detectableDifference({ documents, seeds, changed: assumedChange, repeated: assumedRepeat });
    return [
      {
        task,
        documents,
        seeds,
        difference: found.difference,
        theseSeeds: found.documents,
      },
    ];
  });
}

function isYesNo(spec: TaskSpec): boolean {
  const kind = spec.kind === 'benchmark' ? benchmarkOf(spec.benchmark)?.kind : spec.kind;
  return kind === 'choice' || kind === 'generate';
}
