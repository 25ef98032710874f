import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { fail } from '../base/problem.ts';
import type { Rows } from '../data/types.ts';
import { deviceRow } from '../device/devices.ts';
import type { Device, DeviceName } from '../device/types.ts';
import { buildTraining, trainedParameters } from '../graph/training.ts';
import type { Model } from '../model/types.ts';
import type { ResolvedTraining } from '../plan/types.ts';
import { createBufferTrainer } from './buffer-trainer.ts';
import { loadState, saveState } from './checkpoint.ts';
import { computedModel } from './computed.ts';
import { type LoraRequest, loraFactors } from './lora.ts';
import { allocate, type Parameter } from './memory.ts';
import { notFinite, weightsNotFinite } from './not-finite.ts';
import { adamwStep, gradientNorm, type UpdateNorms, updateNorms } from './optimizer.ts';
import { learningRate } from './schedule.ts';
import { Session, type Values } from './session.ts';
import { startValues } from './start-values.ts';
import type { StepMetrics, Trainer } from './types.ts';
import { placeWeights } from './weights.ts';

export interface TrainerRequest {
  model: Model;
  /** Names of trained tensors. */
  trained: readonly string[];
  lora?: LoraRequest;
  /** With `training.distill`: the unchanged model. */
  teacher?: Model;
  training: ResolvedTraining;
  /** Compute activations again on the way back instead of keeping them: less memory, the same bits. */
  recompute?: boolean;
  seed: number;
  threads: number;
  device?: DeviceName;
}

/**
 * A trainer of the tensors named, standing before step 0. The same request gives the same bits on the same machine. Fails with
 * `not-available` for settings that the device does not carry out, `memory-short` where the memory does not suffice.
 */
export async function createTrainer(request: TrainerRequest): Promise<Trainer> {
  const device = deviceRow(request.device ?? 'cpu');
  refuse(request);
  const model = await computedModel(request.model);
  return trainers[device.state]({ ...request, model }, device);
}

/** What makes the trainer, by where the device keeps the state. */
const trainers: Record<Device['state'], (request: TrainerRequest, device: Device) => Promise<Trainer>> = {
  wasm: createWasmTrainer,
  buffers: createBufferTrainer,
};

async function createWasmTrainer(request: TrainerRequest, device: Device): Promise<Trainer> {
  const { model, trained, training, threads } = request;
  const lora = request.lora && loraFactors(request.lora);
  const parameters = allocate(
    trainedParameters(model.config, { trained, lora }),
    training.micro_batch < training.batch || training.distill !== undefined,
  );
  const start = await startValues(request);
  for (const { name, arrays } of parameters) arrays.value.set(start.get(name)!);
  start.clear();
  const owned = new Set(parameters.map((p) => p.name));
  const places = placeWeights(model, (name) => owned.has(name));
  const { micro_batch: batch, sequence } = training;
  const pass = { batch, sequence, trained, lora, recompute: request.recompute ?? false, device };
  const options = { threads, device, givenOutputs: true };
  const learning = await Session.open(buildTraining(model.config, places, pass), options);
  if (!training.distill) return new WasmTrainer({ learning }, parameters, training);
  const teacher = { config: request.teacher!.config, places: placeWeights(request.teacher!, () => false) };
  const graph = buildTraining(model.config, places, { ...pass, teacher });
  const following = await Session.open(graph, options);
  return new WasmTrainer({ learning, following }, parameters, training);
}

function refuse({ model, teacher, training, device = 'cpu' }: TrainerRequest): void {
  const row = deviceRow(device);
  if (model.adapter) throw new Error('the adapter of a model must be merged before it is trained');
  if (teacher?.adapter) throw new Error('the adapter of a teacher must be merged before it teaches');
  if (training.distill && !teacher) throw new Error('no teacher is given to distill from');
  if (training.batch % training.micro_batch !== 0) throw new Error('the micro-batch does not divide the batch');
  if (!row.precisions.includes(training.precision)) {
    fail('not-available', `Training with precision ${training.precision} is not carried out on the device ${device}.`, {
      remedy: `Use \`precision: ${row.precisions.join('` or `')}\`.`,
    });
  }
  const kind = model.basePrecision?.kind ?? 'float32';
  if (!row.basePrecisions.includes(kind)) {
    fail('not-available', `Frozen weights in ${kind} are not carried out on the device ${device}.`, {
      remedy: 'Use `base_precision: auto`, or `device: cpu`.',
    });
  }
}

/** The graphs of a training: what is learnt from targets, and what keeps it near the teacher. */
interface Passes {
  learning: Session;
  following?: Session;
}

/** Gradients from the graphs, everything else of the optimizer in WebAssembly memory. */
class WasmTrainer implements Trainer {
  readonly #passes: Passes;
  readonly #parameters: readonly Parameter[];
  readonly #training: ResolvedTraining;
  #step = 0;

  constructor(passes: Passes, parameters: readonly Parameter[], training: ResolvedTraining) {
    this.#passes = passes;
    this.#parameters = parameters;
    this.#training = training;
  }

  get step(): number {
    return this.#step;
  }

  async advance(batches: Rows[], distilled: Rows[] = []): Promise<StepMetrics[]> {
    const metrics: StepMetrics[] = [];
    for (const [i, rows] of batches.entries()) {
      metrics.push(await this.#advanceOne(rows, distilled[i]));
      await yieldToLoop();
    }
    return metrics;
  }

  async #advanceOne(rows: Rows, distilled: Rows | undefined): Promise<StepMetrics> {
    const { batch, sequence, distill } = this.#training;
    const loss = await this.#gradients(this.#passes.learning, rows, 1, 'gradient');
    let divergence: number | undefined;
    if (distill) {
      if (!distilled) throw new Error('a step has no rows to distill on');
      divergence =
        (await this.#gradients(this.#passes.following!, distilled, distill.weight, 'partial')) / distill.weight;
    }
    const norm = gradientNorm(this.#parameters);
    const total = loss + (divergence ?? 0);
    if (!Number.isFinite(total) || !Number.isFinite(norm)) notFinite(this.#step + 1, total, norm);
    const rate = learningRate(this.#training, this.#step);
    this.#step++;
    adamwStep(this.#parameters, this.#training, { step: this.#step, norm, learningRate: rate });
    const metrics = { loss, gradNorm: norm, learningRate: rate, tokens: batch * sequence };
    return divergence === undefined ? metrics : { ...metrics, divergence };
  }

  /**
   * Runs a pass over all micro-batches and returns factor · the mean over the rows' targets of its loss. `start` says where
   * its first gradients go: into `gradient`, or added to what is there.
   */
  async #gradients(session: Session, rows: Rows, factor: number, start: 'gradient' | 'partial'): Promise<number> {
    const { batch, micro_batch: micro, sequence } = this.#training;
    if (rows.rows !== batch || rows.sequence !== sequence) {
      throw new Error(`a batch of ${rows.rows}×${rows.sequence} tokens instead of ${batch}×${sequence}`);
    }
    const targets = rows.targets.reduce((sum, target) => sum + (target >= 0 ? 1 : 0), 0);
    const weights = Object.fromEntries(this.#parameters.map((p) => [p.name, p.arrays.value]));
    const scale = Float32Array.of(targets === 0 ? 0 : factor / targets);
    const share = new Float32Array(1);
    let loss = 0;
    for (let first = 0; first < batch; first += micro) {
      const part = (values: Int32Array) => values.subarray(first * sequence, (first + micro) * sequence);
      const feeds: Record<string, Values> = {
        ...weights,
        scale,
        ids: part(rows.ids),
        targets: part(rows.targets),
        segments: part(rows.segments),
        positions: part(rows.positions),
      };
      const slot = first === 0 ? start : 'partial';
      const gradients = this.#parameters.map((p) => [`gradient.${p.name}`, p.arrays[slot]] as const);
      await session.run(feeds, { ...Object.fromEntries(gradients), loss: share });
      loss += share[0]!;
      if (slot === 'partial') for (const p of this.#parameters) p.addPartial();
    }
    return loss;
  }

  async read(names?: readonly string[]): Promise<Map<string, { shape: number[]; data: Float32Array }>> {
    const wanted = names && new Set(names);
    const chosen = this.#parameters.filter((p) => !wanted || wanted.has(p.name));
    if (wanted && chosen.length !== wanted.size) {
      const unknown = [...wanted].filter((name) => !chosen.some((p) => p.name === name));
      throw new Error(`not trained here: ${unknown.join(', ')}`);
    }
    return new Map(chosen.map((p) => [p.name, { shape: [...p.shape], data: p.arrays.value.slice() }]));
  }

  async updateNorms(): Promise<Map<string, UpdateNorms>> {
    const step = this.#step;
    if (step === 0) return new Map();
    const at = { step, learningRate: learningRate(this.#training, step - 1) };
    return new Map(this.#parameters.map((p) => [p.name, updateNorms(p, this.#training, at)]));
  }

  async save(file: string): Promise<void> {
    // The loss of a step is that of the weights before it, so nothing else has looked at what the last step made.
    const broken = this.#parameters.find((p) => !Number.isFinite(p.sumOfSquares('value')));
    if (broken) weightsNotFinite(this.#step, broken.name);
    return saveState(file, this.#parameters, this.#step);
  }

  async load(file: string): Promise<void> {
    this.#step = await loadState(file, this.#parameters);
  }

  async dispose(): Promise<void> {
    await this.#passes.learning.close();
    await this.#passes.following?.close();
  }
}
