import type { Progress } from '../base/log.ts';
import { version } from '../base/version.ts';
import { allRuns } from '../plan/analysis.ts';
import type { Plan, RunPlan } from '../plan/types.ts';
import { rememberPlace } from '../record/find.ts';
import { homeOf } from '../record/layout.ts';
import type { Order, Place, Placed } from './place.ts';

export interface SubmitOptions {
  /** Make new versions, whatever is there. */
  fresh?: boolean;
  threads: number;
  /** How many runs may run at once. */
  jobs?: number;
  /** Bytes of what another machine lacks. */
  progress?: Progress;
}

/** What a place is asked for. Pure. */
export function orderOf(plan: Pick<Plan, 'experiment'>, run: RunPlan, options: SubmitOptions): Order {
  const { file, stem, title } = plan.experiment;
  return {
    id: run.id,
    spec: run.spec,
    fresh: options.fresh === true,
    ...(run.parent !== undefined && { parent: run.parent }),
    request: {
      experiment: { file, stem, ...(title !== undefined && { title }) },
      arm: run.arm,
      ...(run.seed !== undefined && { seed: run.seed }),
      hash: run.hash,
      sources: run.sources,
      ...(run.execution && { execution: run.execution }),
      tasks: run.tasks,
      ...(run.every !== undefined && { every: run.every }),
      threads: options.threads,
      version,
    },
  };
}

/**
 * Asks a place for the runs of a plan (parents before children) and makes sure that they get started. The same work is the same run: what is there
 * is found, finished or to be resumed, and only missing stages are asked for.
 */
export async function submit(plan: Plan, place: Place, options: SubmitOptions): Promise<Placed[]> {
  const orders = allRuns(plan).map((run) => orderOf(plan, run, options));
  const placed = await place.order(orders, { jobs: options.jobs, progress: options.progress });
  await rememberPlace(homeOf(plan.experiment.file).folder);
  await place.wake(options.jobs);
  return placed;
}
