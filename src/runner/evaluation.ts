import { deviceRow } from '../device/devices.ts';
import { createGenerator } from '../engine/generator.ts';
import { loraFactors } from '../engine/lora.ts';
import { createScorer } from '../engine/scorer.ts';
import type { Generator, Overrides, Scorer } from '../engine/types.ts';
import { evaluateTask } from '../evaluate/tasks.ts';
import type { EvaluationTools, TaskResult } from '../evaluate/types.ts';
import type { Model } from '../model/types.ts';
import type { LoraPlan, TaskRequest } from '../plan/types.ts';
import type { Stage } from '../record/types.ts';
import { type Context, stageProgress } from './context.ts';
import { holdTask, tokenizerOf } from './inputs.ts';

/** Evaluates tasks on one model, whose values may change in between. The owner disposes it. */
export interface Evaluation {
  evaluate(task: TaskRequest): Promise<TaskResult>;
  /** Other values for the trained tensors; sessions are kept. */
  update(overrides: Overrides): void;
  dispose(): Promise<void>;
}

/** Something that is opened when it is first needed, and closed only if it was. */
function lazily<T extends { update(overrides: Overrides): void; dispose(): Promise<void> }>(
  open: (overrides: Overrides | undefined) => Promise<T>,
) {
  let opened: T | undefined;
  let values: Overrides | undefined;
  return {
    async get(): Promise<T> {
      opened ??= await open(values);
      return opened;
    },
    update(overrides: Overrides): void {
      values = overrides;
      opened?.update(overrides);
    },
    dispose: async () => opened?.dispose(),
  };
}

/**
 * Sessions are opened for the first task that needs them: most tasks only score. `lora`: the factors that are yet among the
 * values of `update`, where `model` has no adapter of its own.
 */
export async function openEvaluation(
  context: Context,
  model: Model,
  stage: Stage,
  lora?: LoraPlan,
): Promise<Evaluation> {
  const { threads } = context.request;
  const device = deviceRow(context.spec.device);
  const options = { threads, device, ...(lora && { lora: loraFactors(lora) }) };
  const tokenizer = await tokenizerOf(model);
  const scoring = lazily<Scorer>((overrides) => createScorer(model, { ...options, overrides }));
  const generating = lazily<Generator>((overrides) => createGenerator(model, { ...options, overrides }));
  const update = (overrides: Overrides) => {
    scoring.update(overrides);
    generating.update(overrides);
  };
  const dispose = async () => {
    await scoring.dispose();
    await generating.dispose();
  };
  const tools: EvaluationTools = {
    scorer: {
      model,
      update,
      dispose,
      score: async (...args) => (await scoring.get()).score(...args),
      likelihoods: async (...args) => (await scoring.get()).likelihoods(...args),
      logits: async (...args) => (await scoring.get()).logits(...args),
    },
    generator: { update, dispose, generate: async (...args) => (await generating.get()).generate(...args) },
    ...(tokenizer && { tokenizer }),
  };
  const held = new Set<string>();
  const progress = stageProgress(context, stage);
  return {
    async evaluate(task) {
      if (!held.has(task.name)) await holdTask(task, model);
      held.add(task.name);
      const result = await evaluateTask(task, tools, (done, total) => progress.report(task.name, done, total));
      for (const message of result.warnings) {
        context.writer.event({ type: 'warning', message: `${task.name}: ${message}` });
      }
      return result;
    },
    update,
    dispose,
  };
}
