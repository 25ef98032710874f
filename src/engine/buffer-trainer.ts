import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Rows } from '../data/types.ts';
import type { Device } from '../device/types.ts';
import { buildAdamw, buildSquares, buildSum, type Named, type StepCoefficients } from '../graph/optimizer.ts';
import { buildTraining, trainedParameters } from '../graph/training.ts';
import type { ResolvedTraining } from '../plan/types.ts';
import { loadState, readLossScale, saveState, stateSlots } from './checkpoint.ts';
import { DeviceBuffers, disposeAll, grouped } from './device-buffers.ts';
import { trainingMemoryShort } from './device-memory.ts';
import { DeviceMemoryError, DeviceSession, type DeviceTensor } from './device-session.ts';
import { requireHalf } from './half-precision.ts';
import { loraFactors } from './lora.ts';
import { LossScale } from './loss-scale.ts';
import { notFinite, weightsNotFinite } from './not-finite.ts';
import { clipFactor, type UpdateNorms, updateNorms } from './optimizer.ts';
import { learningRate } from './schedule.ts';
import type { Values } from './session.ts';
import { startValues } from './start-values.ts';
import type { TrainerRequest } from './trainer.ts';
import type { StepMetrics, Trainer } from './types.ts';
import { readWeights } from './weights.ts';

/** What is kept of each parameter, as in a checkpoint. */
type Slot = (typeof stateSlots)[number];
type Buffers = Map<string, DeviceTensor>;

/** Tensors of a teacher are inputs of this name. */
const teacherPrefix = 'teacher.';

/**
 * A trainer on a device that keeps weights, gradients and the optimizer's state in buffers of its own; only tokens go in, and
 * loss and norm come out. Fails with `not-available-adapter`, `device-memory`.
 */
export async function createBufferTrainer(request: TrainerRequest, row: Device): Promise<Trainer> {
  const { training, model } = request;
  const half = training.precision === 'mixed';
  if (half) await requireHalf(row, request.threads);
  const device = half ? { ...row, forms: { ...row.forms, products: 'float16' as const } } : row;
  const lora = request.lora && loraFactors(request.lora);
  const parameters = trainedParameters(model.config, { trained: request.trained, lora });
  const buffers = new DeviceBuffers(device, request.threads);
  const trainer = new BufferTrainer(buffers, parameters, request);
  try {
    await trainer.prepare();
    return trainer;
  } catch (error) {
    await trainer.dispose();
    throw error;
  }
}

/** Graphs of the gradients: what is learnt from targets, and what keeps it near the teacher. */
interface Passes {
  learning: DeviceSession;
  following?: DeviceSession;
}

class BufferTrainer implements Trainer {
  readonly #buffers: DeviceBuffers;
  readonly #parameters: readonly Named[];
  readonly #request: TrainerRequest;
  readonly #training: ResolvedTraining;
  readonly #state: Record<Slot, Buffers> = { value: new Map(), first: new Map(), second: new Map() };
  #frozen: Buffers = new Map();
  #passes: Passes | undefined;
  #sum: DeviceSession | undefined;
  #squares: DeviceSession | undefined;
  /** The step of AdamW, group by group, so that only one group's state is there twice. */
  #updates: { names: string[]; session: DeviceSession }[] = [];
  #lossScale: LossScale | undefined;
  #step = 0;
  /** A step ended in its middle: some tensors have taken it and others have not. */
  #torn = false;

  constructor(buffers: DeviceBuffers, parameters: readonly Named[], request: TrainerRequest) {
    this.#buffers = buffers;
    this.#parameters = parameters;
    this.#request = request;
    this.#training = request.training;
    if (request.training.precision === 'mixed') this.#lossScale = new LossScale();
  }

  get step(): number {
    return this.#step;
  }

  /** Opens the graphs, and brings weights and state to the device. */
  prepare(): Promise<void> {
    return this.#withMemory(async () => {
      const { device } = this.#buffers;
      const { batch, micro_batch, sequence, distill, betas, epsilon } = this.#training;
      const { model, trained, lora, teacher, recompute = false } = this.#request;
      const places = () => ({ kind: 'input' }) as const;
      const pass = {
        batch: micro_batch,
        sequence,
        trained,
        lora: lora && loraFactors(lora),
        recompute,
        device,
      };
      const isGradient = (output: string) => output.startsWith('gradient.');
      const graph = buildTraining(model.config, places, pass);
      const learning = await this.#open(graph, isGradient);
      this.#passes = { learning };
      if (distill) {
        const following = buildTraining(model.config, places, {
          ...pass,
          teacher: { config: teacher!.config, places },
        });
        this.#passes.following = await this.#open(following, isGradient);
      }
      const all = () => true;
      if (distill || micro_batch < batch) {
        this.#sum = await this.#open(buildSum(device.forms, this.#parameters), all);
      }
      this.#squares = await this.#open(buildSquares(device.forms, this.#parameters), () => false);
      for (const group of grouped(this.#parameters)) {
        const session = await this.#open(buildAdamw(device.forms, group, { betas, epsilon }), all);
        this.#updates.push({ names: group.map(({ name }) => name), session });
      }
      await this.#uploadFrozen();
      const start = await startValues(this.#request);
      await this.#uploadState((slot, { name, shape }) =>
        slot === 'value' ? start.get(name)! : new Float32Array(shape.reduce((a, b) => a * b, 1)),
      );
    });
  }

  #open(graph: Parameters<typeof DeviceSession.open>[0], kept: (output: string) => boolean): Promise<DeviceSession> {
    const { device, threads } = this.#buffers;
    return DeviceSession.open(graph, { device, threads, kept });
  }

  /** Everything that the passes read and nobody trains. */
  async #uploadFrozen(): Promise<void> {
    const { model, teacher } = this.#request;
    const trained = new Set(this.#parameters.map(({ name }) => name));
    const needed = new Map<string, Named>();
    for (const session of Object.values(this.#passes!)) {
      for (const [name, { shape, dtype }] of (session as DeviceSession).inputs) {
        if (dtype === 'float32' && name !== 'scale' && !trained.has(name)) needed.set(name, { name, shape });
      }
    }
    this.#frozen = await this.#buffers.upload([...needed.values()], async (name) => {
      const ofTeacher = name.startsWith(teacherPrefix);
      const stored = ofTeacher ? name.slice(teacherPrefix.length) : name;
      return (await readWeights(ofTeacher ? teacher! : model, [stored])).get(stored)!;
    });
  }

  async #uploadState(valuesOf: (slot: Slot, parameter: Named) => Float32Array): Promise<void> {
    const byName = new Map(this.#parameters.map((p) => [p.name, p]));
    for (const slot of stateSlots) {
      const made = await this.#buffers.upload(this.#parameters, (name) => valuesOf(slot, byName.get(name)!));
      disposeAll(this.#state[slot].values());
      this.#state[slot] = made;
    }
  }

  async advance(batches: Rows[], distilled: Rows[] = []): Promise<StepMetrics[]> {
    const metrics: StepMetrics[] = [];
    for (const [i, rows] of batches.entries()) {
      metrics.push(await this.#withMemory(() => this.#advanceOne(rows, distilled[i])));
      await yieldToLoop();
    }
    return metrics;
  }

  async #advanceOne(rows: Rows, distilled: Rows | undefined): Promise<StepMetrics> {
    const { batch, sequence, distill, clip, weight_decay: decay } = this.#training;
    if (distill && !distilled) throw new Error('a step has no rows to distill on');
    for (;;) {
      const lossScale = this.#lossScale?.value ?? 1;
      const gradients: Buffers = new Map();
      try {
        const loss = await this.#pass(this.#passes!.learning, rows, lossScale, gradients);
        let divergence: number | undefined;
        if (distill) {
          const weighted = await this.#pass(
            this.#passes!.following!,
            distilled!,
            lossScale * distill.weight,
            gradients,
          );
          divergence = weighted / distill.weight;
        }
        const norm = (await this.#norm(gradients)) / lossScale;
        const total = loss + (divergence ?? 0);
        if (!Number.isFinite(total) || !Number.isFinite(norm)) {
          if (Number.isFinite(total) && this.#lossScale?.lower()) continue;
          notFinite(this.#step + 1, total, norm);
        }
        const rate = learningRate(this.#training, this.#step);
        const [beta1, beta2] = this.#training.betas;
        const step = this.#step + 1;
        await this.#update(gradients, [
          clipFactor(norm, clip) / lossScale,
          1 - rate * decay,
          rate / (1 - beta1 ** step),
          1 / Math.sqrt(1 - beta2 ** step),
        ]);
        this.#step = step;
        this.#lossScale?.held();
        const metrics = { loss, gradNorm: norm, learningRate: rate, tokens: batch * sequence };
        return divergence === undefined ? metrics : { ...metrics, divergence };
      } finally {
        disposeAll(gradients.values());
      }
    }
  }

  /**
   * Runs a pass over all micro-batches, adds its gradients, times `factor`, to those that are there, and returns the mean
   * over the rows' targets of its loss (times the distillation's weight, where the factor has it).
   */
  async #pass(session: DeviceSession, rows: Rows, factor: number, gradients: Buffers): Promise<number> {
    const { batch, micro_batch: micro, sequence } = this.#training;
    if (rows.rows !== batch || rows.sequence !== sequence) {
      throw new Error(`a batch of ${rows.rows}×${rows.sequence} tokens instead of ${batch}×${sequence}`);
    }
    const targets = rows.targets.reduce((sum, target) => sum + (target >= 0 ? 1 : 0), 0);
    const scale = Float32Array.of(targets === 0 ? 0 : factor / targets);
    let loss = 0;
    for (let first = 0; first < batch; first += micro) {
      const part = (values: Int32Array) => values.subarray(first * sequence, (first + micro) * sequence);
      const feeds: Record<string, Values | DeviceTensor> = {
        ...Object.fromEntries(this.#frozen),
        ...Object.fromEntries(this.#state.value),
        scale,
        ids: part(rows.ids),
        targets: part(rows.targets),
        segments: part(rows.segments),
        positions: part(rows.positions),
      };
      const { values, buffers } = await session.run(feeds);
      loss += Number(values['loss']![0]);
      await this.#accumulate(gradients, buffers);
    }
    return loss / (this.#lossScale?.value ?? 1);
  }

  /** Takes the gradients of a pass, alone or added to what is there. */
  async #accumulate(gradients: Buffers, found: Record<string, DeviceTensor>): Promise<void> {
    if (gradients.size === 0) {
      for (const { name } of this.#parameters) gradients.set(name, found[`gradient.${name}`]!);
      return;
    }
    try {
      const feeds: Record<string, DeviceTensor> = {};
      for (const { name } of this.#parameters) {
        feeds[`a.${name}`] = gradients.get(name)!;
        feeds[`b.${name}`] = found[`gradient.${name}`]!;
      }
      const { buffers } = await this.#sum!.run(feeds);
      disposeAll(gradients.values());
      for (const { name } of this.#parameters) gradients.set(name, buffers[`sum.${name}`]!);
    } finally {
      disposeAll(Object.values(found));
    }
  }

  async #norm(gradients: Buffers): Promise<number> {
    const { values } = await this.#squares!.run(prefixed('gradient', gradients));
    return Math.sqrt(Number(values['squares']![0]));
  }

  async #update(gradients: Buffers, coefficients: StepCoefficients): Promise<void> {
    this.#torn = true;
    for (const { names, session } of this.#updates) {
      const feeds: Record<string, Values | DeviceTensor> = { coefficients: Float32Array.from(coefficients) };
      for (const name of names) {
        feeds[`gradient.${name}`] = gradients.get(name)!;
        for (const slot of stateSlots) feeds[`${slot}.${name}`] = this.#state[slot].get(name)!;
      }
      const { buffers } = await session.run(feeds);
      for (const name of names) {
        for (const slot of stateSlots) {
          this.#state[slot].get(name)!.dispose();
          this.#state[slot].set(name, buffers[`next.${slot}.${name}`]!);
        }
        gradients.get(name)!.dispose();
        gradients.delete(name);
      }
    }
    this.#torn = false;
  }

  async read(names?: readonly string[]): Promise<Map<string, { shape: number[]; data: Float32Array }>> {
    const wanted = names && new Set(names);
    const chosen = this.#parameters.filter(({ name }) => !wanted || wanted.has(name));
    if (wanted && chosen.length !== wanted.size) {
      const unknown = [...wanted].filter((name) => !chosen.some((p) => p.name === name));
      throw new Error(`not trained here: ${unknown.join(', ')}`);
    }
    const values = await this.#buffers.download(chosen, this.#state.value);
    return new Map(chosen.map(({ name, shape }) => [name, { shape: [...shape], data: values.get(name)! }]));
  }

  /** The state on the host: what a checkpoint holds. */
  async #download() {
    const [value, first, second] = [
      await this.#buffers.download(this.#parameters, this.#state.value),
      await this.#buffers.download(this.#parameters, this.#state.first),
      await this.#buffers.download(this.#parameters, this.#state.second),
    ];
    return this.#parameters.map(({ name, shape }) => ({
      name,
      shape,
      arrays: { value: value.get(name)!, first: first.get(name)!, second: second.get(name)! },
    }));
  }

  async updateNorms(): Promise<Map<string, UpdateNorms>> {
    const step = this.#step;
    if (step === 0) return new Map();
    const at = { step, learningRate: learningRate(this.#training, step - 1) };
    return new Map((await this.#download()).map((p) => [p.name, updateNorms(p, this.#training, at)]));
  }

  async save(file: string): Promise<void> {
    if (this.#torn)
      throw new Error('the last step ended in its middle: the checkpoint before it is the one to go on from');
    const state = await this.#download();
    // The loss of a step is that of the weights before it, so nothing else has looked at what the last step made.
    const broken = state.find(({ arrays }) => !arrays.value.every(Number.isFinite));
    if (broken) weightsNotFinite(this.#step, broken.name);
    await saveState(file, state, this.#step, this.#lossScale);
  }

  async load(file: string): Promise<void> {
    const state = this.#parameters.map(({ name, shape }) => {
      const empty = () => new Float32Array(shape.reduce((a, b) => a * b, 1));
      return { name, shape, arrays: { value: empty(), first: empty(), second: empty() } };
    });
    const step = await loadState(file, state);
    const lossScale = await readLossScale(file);
    const byName = new Map(state.map((p) => [p.name, p.arrays]));
    await this.#withMemory(() => this.#uploadState((slot, { name }) => byName.get(name)![slot]));
    this.#step = step;
    this.#torn = false;
    if (this.#lossScale && lossScale) this.#lossScale = new LossScale(lossScale.value, lossScale.steady);
  }

  /** Runs `work`; that the device's memory is short becomes a sentence. */
  async #withMemory<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DeviceMemoryError)) throw error;
      return trainingMemoryShort(this.#request, error.reason);
    }
  }

  async dispose(): Promise<void> {
    for (const slot of stateSlots) disposeAll(this.#state[slot].values());
    disposeAll(this.#frozen.values());
    const sessions = [
      this.#passes?.learning,
      this.#passes?.following,
      this.#sum,
      this.#squares,
      ...this.#updates.map(({ session }) => session),
    ];
    for (const session of sessions) await session?.close();
    await this.#buffers.close();
  }
}

function prefixed(prefix: string, buffers: Buffers): Record<string, DeviceTensor> {
  return Object.fromEntries([...buffers].map(([name, buffer]) => [`${prefix}.${name}`, buffer]));
}
