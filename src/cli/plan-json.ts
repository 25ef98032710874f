import type { ArmPlan, Plan } from '../plan/types.ts';
import type { RunStates } from './plan-text.ts';

/** The plan as `--json` prints it: snake_case as all files, without what the experiment file says itself. */
export function planJson(plan: Plan, states: RunStates): unknown {
  const { experiment, baseConfig: config, runs } = plan;
  return {
    experiment: experiment.file,
    model: {
      name: experiment.model,
      family: config.family,
      layers: config.layers,
      parameters: plan.baseParameters,
      tied: config.tied,
    },
    corpora: plan.corpora.map(({ name, kind, documents, tokens, exact, holdoutDocuments }) => ({
      name,
      kind,
      documents,
      tokens,
      exact,
      holdout_documents: holdoutDocuments,
    })),
    overlaps: plan.overlaps,
    detectable: plan.detectable.map(({ task, documents, seeds, difference, theseSeeds }) => ({
      task,
      documents,
      seeds,
      difference,
      these_seeds: theseSeeds,
    })),
    arms: plan.arms.map(armJson),
    analysis: plan.analysis && {
      run: plan.analysis.run.id,
      state: states.get(plan.analysis.run.id) ?? 'new',
      ...plan.analysis.run.spec.analysis,
      arms: plan.analysis.arms,
      estimate: plan.analysis.cost,
    },
    runs: runs.map(({ id, hash, arm, seed, parent }) => ({
      id,
      hash,
      arm,
      seed,
      parent,
      state: states.get(id) ?? 'new',
    })),
    machine: plan.machine && {
      memory: plan.machine.memory,
      threads: plan.machine.threads,
      flops_per_second: plan.machine.speed?.flopsPerSecond,
    },
    diagnostics: plan.diagnostics.map(({ code, severity, line, column, message }) => ({
      code,
      severity,
      line,
      column,
      message,
    })),
  };
}

function armJson(arm: ArmPlan): unknown {
  const { shape, cost, matched } = arm;
  return {
    name: arm.name,
    from: arm.from,
    pending: arm.pending,
    surgery: arm.surgery,
    layers: arm.layers.map((layer, now) => ({ now, ...layer })),
    pruned: arm.pruned,
    trained: arm.trained,
    trained_parameters: arm.trainedParameters,
    total_parameters: arm.totalParameters,
    lora: arm.lora && { ...arm.lora, matched },
    training: shape && {
      steps: shape.steps,
      batch: shape.batch,
      micro_batch: shape.microBatch,
      sequence: shape.sequence,
      recompute: shape.recompute,
    },
    estimate: {
      train_tokens: cost.trainTokens,
      flops: cost.flops,
      memory_bytes: cost.memory,
      seconds: cost.seconds,
    },
    runs: arm.runs,
  };
}
