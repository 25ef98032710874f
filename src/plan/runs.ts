import { engineSemantics } from '../base/version.ts';
import type { Experiment, TrainingSpec } from '../experiment/types.ts';
import type { PlannedArm, PlannedArms } from './arms.ts';
import { runId, specHash } from './identity.ts';
import { corpusIdentity, taskRequests } from './tasks.ts';
import type { PlannableFacts, ResolvedTraining, RunPlan, RunSources, RunSpec, TaskRequest } from './types.ts';

/**
 * Arms × seeds → runs, parents before children. An arm that trains nothing runs once, without a seed. Empty while the hash of
 * the model or of a corpus is missing.
 */
export function planRuns(
  experiment: Experiment,
  facts: PlannableFacts,
  { arms }: PlannedArms,
  seeds: readonly number[],
  device: RunSpec['device'],
): RunPlan[] {
  const { hash: model } = facts.base;
  if (model === undefined) return [];
  const tasks = taskRequests(experiment, facts);
  if (tasks === undefined) return [];
  const context: Context = { experiment, facts, tasks, model, device };
  const runs: RunPlan[] = [];
  for (const arm of parentsFirst(arms)) {
    if (arm.plan.pending !== undefined) continue;
    const parents = runs.filter((run) => run.arm === arm.plan.from);
    for (const seed of seedsOf(arm, seeds, parents)) {
      const run = planRun(arm, seed, parents, context);
      if (run) runs.push(run);
    }
  }
  return runs;
}

interface Context {
  experiment: Experiment;
  facts: PlannableFacts;
  tasks: TaskRequest[];
  /** Hash of the base. */
  model: string;
  device: RunSpec['device'];
}

/** In the order of the file, but each arm behind the one that it starts from. */
function parentsFirst(arms: readonly PlannedArm[]): PlannedArm[] {
  const ordered = new Set<PlannedArm>();
  const add = (arm: PlannedArm) => {
    const parent = arms.find((other) => other.plan.name === arm.plan.from);
    if (parent) add(parent);
    ordered.add(arm);
  };
  for (const arm of arms) add(arm);
  return [...ordered];
}

/** What trains runs with every seed; what is only evaluated once, or once for each run of its parent. */
function seedsOf(
  { spec }: PlannedArm,
  seeds: readonly number[],
  parents: readonly RunPlan[],
): readonly (number | undefined)[] {
  if (spec.training !== undefined) return seeds;
  return parents.length > 0 ? parents.map((run) => run.seed) : [undefined];
}

/** Undefined while its training is not resolved, or its parent has no run. */
function planRun(
  arm: PlannedArm,
  seed: number | undefined,
  parents: readonly RunPlan[],
  { experiment, facts, tasks, model, device }: Context,
): RunPlan | undefined {
  const { plan, spec } = arm;
  const training = spec.training && resolvedTraining(arm, spec.training, tasks, experiment, facts);
  if (spec.training && training === undefined) return undefined;
  // A parent that trains nothing has one run, which stands for every seed.
  const parent = parents.find((run) => run.seed === seed) ?? parents.find((run) => run.seed === undefined);
  if (plan.from !== undefined && parent === undefined) return undefined;
  const runSpec: RunSpec = {
    engine_semantics: engineSemantics,
    model,
    parent: parent?.hash,
    surgery: plan.surgery,
    trained: plan.trained,
    lora: plan.lora,
    training,
    seed: training && seed,
    device,
  };
  const hash = specHash(runSpec);
  return {
    id: runId(experiment.stem, plan.name, seed, hash, device),
    hash,
    arm: plan.name,
    seed,
    spec: runSpec,
    sources: sourcesOf(arm, facts),
    execution: spec.training &&
      plan.shape && { recompute: plan.shape.recompute, checkpoint_every: spec.training.checkpoint_every },
    tasks,
    every: experiment.evaluation.every,
    parent: parent?.id,
  };
}

/** Undefined while its corpus was not counted or hashed. */
function resolvedTraining(
  arm: PlannedArm,
  training: TrainingSpec,
  tasks: readonly TaskRequest[],
  experiment: Experiment,
  facts: PlannableFacts,
): ResolvedTraining | undefined {
  const { shape } = arm.plan;
  const corpus = corpusIdentity(training.corpus, experiment, facts);
  const replay = training.replay && corpusIdentity(training.replay.corpus, experiment, facts);
  const distilled = training.distill && corpusIdentity(training.distill.corpus, experiment, facts);
  if (shape?.steps === undefined || corpus === undefined || (training.replay && replay === undefined)) return undefined;
  if (training.distill && distilled === undefined) return undefined;
  const keep = keptBy(training, tasks, experiment);
  const {
    batch,
    micro_batch,
    packing,
    learning_rate,
    schedule,
    warmup,
    betas,
    epsilon,
    weight_decay,
    clip,
    precision,
  } = training;
  return {
    steps: shape.steps,
    batch,
    micro_batch,
    sequence: shape.sequence,
    packing,
    learning_rate,
    schedule,
    warmup,
    betas,
    epsilon,
    weight_decay,
    clip,
    precision,
    base_precision: training.base_precision === 'auto' ? 'float32' : training.base_precision,
    corpus,
    ...(training.replay && replay ? { replay: { corpus: replay, share: training.replay.share } } : {}),
    ...(training.distill && distilled ? { distill: { weight: training.distill.weight, corpus: distilled } } : {}),
    ...(keep && { keep }),
  };
}

/** Undefined for the last weights. That the task is evaluated, and when, was checked with the file. */
function keptBy(
  { keep }: TrainingSpec,
  tasks: readonly TaskRequest[],
  { evaluation }: Experiment,
): ResolvedTraining['keep'] {
  if (keep === 'last') return undefined;
  return { task: tasks.find(({ name }) => name === keep.best)!.hash, every: evaluation.every! };
}

/** Where the run finds what its spec names by hash. The parent's directory is known where the runs are made. */
function sourcesOf({ plan, spec }: PlannedArm, facts: PlannableFacts): RunSources {
  const adapter = facts.adapters?.[plan.name]?.folder;
  const corpus = facts.corpora?.[spec.training?.corpus ?? '']?.files;
  const replay = facts.corpora?.[spec.training?.replay?.corpus ?? '']?.files;
  const distill = facts.corpora?.[spec.training?.distill?.corpus ?? '']?.files;
  return {
    model: facts.base.folder,
    adapter,
    corpus,
    replay,
    distill,
  };
}
