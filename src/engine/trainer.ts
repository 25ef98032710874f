import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { fail } from '../base/problem.ts';
import type { Rows } from '../data/types.ts';
import { deviceRow } from '../device/devices.ts';
import type { DeviceName } from '../device/types.ts';
import { buildTraining, trainedParameters } from '../graph/training.ts';
import type { Model } from '../model/types.ts';
import type { ResolvedTraining } from '../plan/types.ts';
import { loadState, saveState } from './checkpoint.ts';
import { initialFactors, type LoraRequest, loraFactors } from './lora.ts';
import { allocate, type Parameter } from './memory.ts';
import { adamwStep, gradientNorm, type UpdateNorms, updateNorms } from './optimizer.ts';
import { learningRate } from './schedule.ts';
import { Session, type Values } from './session.ts';
import type { StepMetrics, Trainer } from './types.ts';
import { placeWeights, readWeights } from './weights.ts';

export interface TrainerRequest {
  model: Model;
  /** Names of trained tensors. */
  trained: readonly string[];
  lora?: LoraRequest;
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
  const { model, trained, training, seed, threads } = request;
  const device = deviceRow(request.device ?? 'cpu');
  refuse(request);
  const lora = request.lora && loraFactors(request.lora);
  const parameters = allocate(
    trainedParameters(model.config, { trained, lora }),
    training.micro_batch < training.batch,
  );
  const start = new Map<string, Float32Array>(await readWeights(model, trained));
  if (request.lora) for (const [name, data] of await initialFactors(model, request.lora, seed)) start.set(name, data);
  for (const { name, arrays } of parameters) arrays.value.set(start.get(name)!);
  start.clear();
  const owned = new Set(parameters.map((p) => p.name));
  const graph = buildTraining(
    model.config,
    placeWeights(model, (name) => owned.has(name)),
    {
      batch: training.micro_batch,
      sequence: training.sequence,
      trained,
      lora,
      recompute: request.recompute ?? false,
      device,
    },
  );
  const session = await Session.open(graph, { threads, device });
  return new WasmTrainer(session, parameters, training);
}

function refuse({ model, training, device = 'cpu' }: TrainerRequest): void {
  const row = deviceRow(device);
  if (model.adapter) throw new Error('the adapter of a model must be merged before it is trained');
  if (training.batch % training.micro_batch !== 0) throw new Error('the micro-batch does not divide the batch');
  if (!row.precisions.includes(training.precision)) {
    fail('not-available', `Training with precision ${training.precision} is not carried out on the device ${device}.`, {
      remedy: `Use \`precision: ${row.precisions.join('` or `')}\`.`,
    });
  }
}

/** Gradients from the graph, everything else of the optimizer in WebAssembly memory. */
class WasmTrainer implements Trainer {
  readonly #session: Session;
  readonly #parameters: readonly Parameter[];
  readonly #training: ResolvedTraining;
  #step = 0;

  constructor(session: Session, parameters: readonly Parameter[], training: ResolvedTraining) {
    this.#session = session;
    this.#parameters = parameters;
    this.#training = training;
  }

  get step(): number {
    return this.#step;
  }

  async advance(batches: Rows[]): Promise<StepMetrics[]> {
    const metrics: StepMetrics[] = [];
    for (const rows of batches) {
      metrics.push(await this.#advanceOne(rows));
      await yieldToLoop();
    }
    return metrics;
  }

  async #advanceOne(rows: Rows): Promise<StepMetrics> {
    const { batch, sequence } = this.#training;
    if (rows.rows !== batch || rows.sequence !== sequence) {
      throw new Error(`a batch of ${rows.rows}×${rows.sequence} tokens instead of ${batch}×${sequence}`);
    }
    const loss = await this.#gradients(rows);
    const norm = gradientNorm(this.#parameters);
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) notFinite(this.#step + 1, loss, norm);
    const rate = learningRate(this.#training, this.#step);
    this.#step++;
    adamwStep(this.#parameters, this.#training, { step: this.#step, norm, learningRate: rate });
    return { loss, gradNorm: norm, learningRate: rate, tokens: batch * sequence };
  }

  /** Leaves the gradients of the whole step in the parameters and returns its loss. */
  async #gradients(rows: Rows): Promise<number> {
    const { batch, micro_batch: micro, sequence } = this.#training;
    const targets = rows.targets.reduce((sum, target) => sum + (target >= 0 ? 1 : 0), 0);
    const weights = Object.fromEntries(this.#parameters.map((p) => [p.name, p.arrays.value]));
    const scale = Float32Array.of(targets === 0 ? 0 : 1 / targets);
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
      const slot = first === 0 ? 'gradient' : 'partial';
      const into = Object.fromEntries(this.#parameters.map((p) => [`gradient.${p.name}`, p.arrays[slot]]));
      const results = await this.#session.run(feeds, into);
      loss += Number(results['loss']![0]);
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

  updateNorms(): Map<string, UpdateNorms> {
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

  dispose(): Promise<void> {
    return this.#session.close();
  }
}

const remedy = 'Lower learning_rate, lengthen warmup, or set clip, and run again.';

function notFinite(step: number, loss: number, norm: number): never {
  const what = Number.isFinite(loss) ? `the norm of the gradient is ${norm}` : `the loss is ${loss}`;
  return fail('loss-not-finite', `At step ${step} ${what}: the training has diverged.`, { remedy });
}

function weightsNotFinite(step: number, name: string): never {
  return fail('weights-not-finite', `After step ${step} ${name} is not finite: the training has diverged.`, { remedy });
}
