import { join } from 'node:path';
import { exists } from '../base/files.ts';
import { sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import { trainingData } from '../data/training-data.ts';
import type { TrainingData } from '../data/types.ts';
import { createTrainer } from '../engine/trainer.ts';
import type { StepMetrics, Trainer } from '../engine/types.ts';
import { factorName } from '../model/adapter.ts';
import { withBasePrecision } from '../model/base-precision.ts';
import { openModel } from '../model/open.ts';
import { writeTrained } from '../model/overlay.ts';
import type { Model } from '../model/types.ts';
import type { CorpusIdentity, ResolvedTraining } from '../plan/types.ts';
import { layout } from '../record/layout.ts';
import { readMetrics, readSteps, stepsLabel } from '../record/read.ts';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { type Context, goOnWriting, Stopped, stageProgress, stopHere } from './context.ts';
import { type Evaluation, openEvaluation } from './evaluation.ts';
import { holdAdapter, holdCorpus, tokenizerOf } from './inputs.ts';
import { bestOf, loadBest, saveBest } from './kept.ts';
import { measurePrecision } from './precision.ts';
import { updateRatios } from './stability.ts';
import { openBase } from './surgery.ts';
import { type FactorProofs, writeProofs } from './tensors.ts';

/** Milliseconds that one call of the trainer may take: so fast the run answers TERM and shows its progress. */
const chunkTime = 500;
type Keep = NonNullable<ResolvedTraining['keep']>;

/** Steps of one call at most: they are recorded when it returns. */
const chunkSteps = 16;

/**
 * Trains from `start/`, or from the newest checkpoint, and writes the finished model with the proof of what changed.
 * An arm that trains nothing passes through with the model as it is.
 */
export async function trainStage(context: Context): Promise<void> {
  const { folder, spec } = context;
  const base = await openBase(context);
  const stored = await openModel(join(folder, layout.start));
  const start = withBasePrecision(stored, spec.training?.base_precision ?? 'float32', spec.trained);
  let factors: FactorProofs = {};
  if (spec.training) factors = await train(context, base, start, spec.training);
  else if (!(await exists(join(folder, layout.model))))
    await writeTrained(join(folder, layout.model), start, spec.model);
  await context.guard.check();
  await writeProofs(context, factors);
}

async function train(context: Context, base: Model, start: Model, training: ResolvedTraining): Promise<FactorProofs> {
  const { folder, spec, request } = context;
  if (spec.lora?.adapter !== undefined) await holdAdapter(spec.lora.adapter, request.sources.adapter!);
  const trainer = await createTrainer({
    model: start,
    trained: spec.trained,
    ...(spec.lora && { lora: { ...spec.lora, adapterFolder: request.sources.adapter } }),
    training,
    ...(training.distill && { teacher: base }),
    recompute: request.execution!.recompute,
    seed: spec.seed!,
    threads: request.threads,
    device: spec.device,
  });
  let evaluation: Evaluation | undefined;
  try {
    const factorsAtStart = await hashFactors(context, trainer);
    if (!(await exists(join(folder, layout.model)))) {
      await loadCheckpoint(folder, trainer);
      const data = await openData(context, start, training);
      if (start.basePrecision && trainer.step === 0) await measurePrecision(context, start, data);
      const distilled = training.distill && (await openDistilled(context, start, training, training.distill.corpus));
      evaluation = request.every === undefined ? undefined : await openEvaluation(context, start, 'train', spec.lora);
      await keepingSteps(context, trainer, () =>
        steps(context, { start, trainer, data, distilled, training, evaluation }),
      );
      if (training.keep) await takeBest(context, trainer, training.keep);
      await writeModel(context, start, trainer);
    }
    return factorsAtStart;
  } finally {
    await evaluation?.dispose();
    await trainer.dispose();
  }
}

async function openData(context: Context, start: Model, training: ResolvedTraining): Promise<TrainingData> {
  const { corpus = [], replay } = context.request.sources;
  await holdCorpus(training.corpus, corpus, start);
  if (training.replay) await holdCorpus(training.replay.corpus, replay ?? [], start);
  const files = { corpus, ...(replay && { replay }) };
  return trainingData(training, files, await tokenizerOf(start), context.spec.seed!, {
    cacheFolder: context.cacheFolder,
    progress: stageProgress(context, 'train'),
    vocabSize: start.config.vocabSize,
  });
}

/** The rows on which the teacher is followed: of the size of the batches, in an order of their own. */
async function openDistilled(
  context: Context,
  start: Model,
  training: ResolvedTraining,
  corpus: CorpusIdentity,
): Promise<TrainingData> {
  const files = context.request.sources.distill ?? [];
  await holdCorpus(corpus, files, start);
  const { replay: _replay, ...spec } = { ...training, corpus };
  return trainingData(spec, { corpus: files }, await tokenizerOf(start), context.spec.seed!, {
    cacheFolder: context.cacheFolder,
    progress: stageProgress(context, 'train'),
    vocabSize: start.config.vocabSize,
    stream: 'distill',
  });
}

/** Where the work inside is stopped, in an evaluation too, the steps taken so far go into a checkpoint. */
async function keepingSteps(context: Context, trainer: Trainer, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Stopped && trainer.step > 0) await checkpoint(context, trainer);
    throw error;
  }
}

/** What the steps of a training are made of. */
interface Work {
  start: Model;
  trainer: Trainer;
  data: TrainingData;
  distilled: TrainingData | undefined;
  training: ResolvedTraining;
  evaluation: Evaluation | undefined;
}

/** The optimizer steps from where the trainer stands to the end, with checkpoints and evaluations at their steps. */
async function steps(context: Context, { start, trainer, data, distilled, training, evaluation }: Work): Promise<void> {
  const { folder, request } = context;
  const { every } = request;
  const checkpointEvery = request.execution!.checkpoint_every;
  const wallBefore = (await readSteps(folder)).findLast((record) => record.step <= trainer.step)?.wall ?? 0;
  const began = performance.now();
  let perStep = chunkTime;
  /** Something else was reported last. */
  let announce = true;
  for (;;) {
    const at = trainer.step;
    const atCheckpoint = at > 0 && (at % checkpointEvery === 0 || at === training.steps);
    // The last weights are evaluated by the stage that follows, but for a run that may keep others.
    const atEnd = at === training.steps;
    const atEvaluation = evaluation && every !== undefined && (atEnd ? training.keep !== undefined : at % every === 0);
    if (atCheckpoint) await checkpoint(context, trainer);
    if (at > 0 && (atCheckpoint || atEvaluation)) {
      const ratios = updateRatios(await trainer.updateNorms(), start.layers);
      goOnWriting(context);
      context.writer.update({ step: at, update_ratio: ratios });
    }
    if (atEvaluation) {
      await intermediate(context, trainer, evaluation);
      if (at > 0 && training.keep) await keepIfBest(context, trainer, training.keep);
      announce = true;
    }
    if (at === training.steps) return;
    if (announce) {
      context.writer.event({ type: 'progress', stage: 'train', label: stepsLabel, done: at, total: training.steps });
    }
    announce = false;
    stopHere(context);
    const count = Math.min(
      Math.max(1, Math.floor(chunkTime / perStep)),
      chunkSteps,
      checkpointEvery - (at % checkpointEvery),
      every === undefined ? Number.POSITIVE_INFINITY : every - (at % every),
      training.steps - at,
    );
    const chunkBegan = performance.now();
    const batches = (of: TrainingData) => Array.from({ length: count }, (_, i) => of.batch(at + i));
    const metrics = await trainer.advance(batches(data), distilled && batches(distilled));
    perStep = (performance.now() - chunkBegan) / count;
    goOnWriting(context);
    const wall = wallBefore + (performance.now() - began) / 1000;
    record(context, at, metrics, perStep, wall);
  }
}

/** Appends the steps' records. */
function record(context: Context, at: number, metrics: readonly StepMetrics[], perStep: number, wall: number): void {
  for (const [i, { loss, divergence, gradNorm, learningRate, tokens }] of metrics.entries()) {
    const step = at + i + 1;
    context.writer.step({
      step,
      tokens: step * tokens,
      loss,
      ...(divergence !== undefined && { divergence }),
      grad_norm: gradNorm,
      lr: learningRate,
      tokens_per_second: (tokens * 1000) / perStep,
      wall,
    });
  }
}

/** Nothing is written over a newer attempt, or from a base that is no longer the one of the spec. */
async function checkpoint(context: Context, trainer: Trainer): Promise<void> {
  const { folder, attempt, writer } = context;
  if (context.stopReason() === 'superseded' || (await exists(join(folder, layout.claim(attempt + 1))))) return;
  await context.guard.check();
  writer.sync();
  await saveCheckpoint(folder, trainer);
  goOnWriting(context);
  writer.event({ type: 'checkpoint', step: trainer.step });
}

/** What the model can do at this step. A resumed run repeats the evaluation of the step it stands at; readers take the later one. */
async function intermediate(context: Context, trainer: Trainer, evaluation: Evaluation): Promise<void> {
  const { step } = trainer;
  evaluation.update(await trainer.read());
  for (const task of context.request.tasks) {
    const { scores } = await evaluation.evaluate(task);
    goOnWriting(context);
    for (const [metric, { value }] of Object.entries(scores))
      context.writer.score({ step, task: task.name, metric, value });
  }
}

/** The name under which the task of `keep` is evaluated: its hash is what the run is named by. */
function keptTask({ request }: Context, keep: Keep): string {
  const task = request.tasks.find(({ hash }) => hash === keep.task);
  if (task) return task.name;
  return fail('task-changed', 'The task by which the best weights are kept is not among those asked for.', {
    remedy: 'Start the run again with strata run FILE: it evaluates what the file says.',
  });
}

async function keepIfBest(context: Context, trainer: Trainer, keep: Keep): Promise<void> {
  const { curve } = await readMetrics(context.folder);
  if (bestOf(curve, keptTask(context, keep), trainer.step)?.step !== trainer.step) return;
  await context.guard.check();
  await saveBest(context.folder, trainer);
}

/** Puts the best weights in the place of the last ones, and says which they are. */
async function takeBest(context: Context, trainer: Trainer, keep: Keep): Promise<void> {
  const task = keptTask(context, keep);
  const { curve } = await readMetrics(context.folder);
  const best = bestOf(curve, task, trainer.step);
  if (!best) throw new Error(`no score of ${task} to choose by`);
  if (best.step !== trainer.step) await loadBest(context.folder, trainer, best.step);
  context.writer.event({ type: 'kept', task, ...best });
}

async function hashFactors({ spec }: Context, trainer: Trainer): Promise<FactorProofs> {
  const proofs: FactorProofs = {};
  if (!spec.lora) return proofs;
  const names = spec.lora.weights.flatMap((weight) => [factorName(weight, 'a'), factorName(weight, 'b')]);
  for (const [name, { shape, data }] of await trainer.read(names)) {
    proofs[name] = { shape, start: sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) };
  }
  return proofs;
}

/** Writes `model/`: trained tensors rounded once to the stored dtype, LoRA factors in float32 as PEFT lays them out. */
async function writeModel(context: Context, start: Model, trainer: Trainer): Promise<void> {
  const { folder, spec } = context;
  const read = await trainer.read();
  const values = new Map([...read].filter(([name]) => start.tensors.has(name)));
  const { lora } = spec;
  const adapter = lora && {
    rank: lora.rank,
    alpha: lora.alpha,
    rslora: lora.rslora,
    modules: lora.weights.map((weight) => ({
      weight,
      a: read.get(factorName(weight, 'a'))!,
      b: read.get(factorName(weight, 'b'))!,
    })),
  };
  const { basePrecision } = start;
  await writeTrained(join(folder, layout.model), start, spec.model, {
    values,
    ...(adapter && { adapter }),
    ...(basePrecision && { basePrecision }),
  });
}
