import type * as Ort from 'onnxruntime-node';
import { fail } from '../base/problem.ts';
import { devices } from '../device/devices.ts';
import type { Device } from '../device/types.ts';
import type { Graph } from '../graph/graph.ts';
import { encodeModel, refusedName } from '../graph/onnx.ts';
import { count, describe, type TensorType } from '../graph/tensor.ts';
import { externalRoot } from './weights.ts';

/** Values of inputs and outputs: Float32Array for float32, Int32Array for int32, Uint8Array for bool and so on. */
export type Values = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

export interface SessionOptions {
  threads: number;
  device?: Device;
  /**
   * Repack the weights that lie in files for faster products: 4–15 % faster, at two copies of them in memory. Off, weights
   * stay mapped from their files.
   */
  prepack?: boolean;
  /**
   * Every output is written into an array that the caller gives, and nothing else is made of it. onnxruntime-node 1.30 copies
   * each output into a new array, also one that it has just written where it was told to: for the gradients of 45 M
   * parameters 78 ms of a step, and 180 MB until they are collected. See `EncodingOptions.refused` for how it is kept from it.
   */
  givenOutputs?: boolean;
  /** Prefix of the file that onnxruntime's profile is written to when the session is closed. */
  profile?: string;
}

/**
 * The session options that results and memory depend on (measured on onnxruntime 1.30): with optimisations the weight
 * gradients are all put off to the end, which undoes recomputation, and SiLU in float64 is fused into a kernel that does not
 * exist; the memory pattern costs 25–45 % of memory and gains nothing.
 */
export const pinnedOptions = { graphOptimizationLevel: 'disabled', enableMemPattern: false } as const;

/**
 * Numbers below 1.2e-38 count as zero: a masked score's exponential is one, and on Intel processors they make softmax 5 to 20
 * times slower. onnxruntime sets this for its own threads, and once per process for the thread that opens the first session:
 * JavaScript on that thread then computes so as well. Therefore no session may be opened without it.
 */
const denormalsAreZero = { set_denormal_as_zero: '1' };

/**
 * Idle threads spin for a moment and then sleep. Always spinning, onnxruntime's default, makes a step up to four times slower
 * on cores that others use too (a second session of this process is enough); always sleeping makes small models 9 % slower.
 */
const spinBriefly = { intra_op: { spin_duration_us: '50' } };

/** onnxruntime; fails with `not-available-runtime` where it is not installed for this platform (a universal package has none). */
export async function runtime(): Promise<typeof Ort> {
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return fail(
      'not-available-runtime',
      `onnxruntime-node cannot be loaded on ${process.platform}-${process.arch}: ${why}.`,
      {
        remedy:
          "Install Strata's package for this platform, or `npm install onnxruntime-node@1.30.0` beside the program.",
      },
    );
  }
}

/** What every session is opened with, on whatever device. */
export function sessionOptions(options: SessionOptions): Ort.InferenceSession.SessionOptions {
  const { threads, prepack = false, profile, device = devices.cpu! } = options;
  return {
    ...pinnedOptions,
    executionProviders: [device.provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
    extra: {
      session: {
        ...denormalsAreZero,
        ...spinBriefly,
        ...(!prepack && { disable_prepacking: '1' }),
        model_external_initializers_file_folder_path: externalRoot,
      },
    },
  };
}

/** What onnxruntime-node says of an output that it has computed and cannot turn into a JavaScript value. */
const refusal = 'Non tensor type is temporarily not supported.';

/** One graph, loaded. `run` computes in the calling thread and blocks it until the outputs are there. */
export class Session {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #givenOutputs: boolean;

  private constructor(ort: typeof Ort, session: Ort.InferenceSession, graph: Graph, givenOutputs: boolean) {
    const byName = (tensors: Graph['inputs']) =>
      new Map(tensors.map(({ name, dtype, shape }) => [name, { dtype, shape }]));
    this.#ort = ort;
    this.#session = session;
    this.#givenOutputs = givenOutputs;
    this.inputs = byName(graph.inputs);
    this.outputs = byName(graph.outputs);
  }

  static async open(graph: Graph, options: SessionOptions): Promise<Session> {
    // Loaded with the first session: verbs and supervisors that compute nothing would carry it for nothing.
    const ort = await runtime();
    const { givenOutputs = false } = options;
    const bytes = encodeModel(graph, { refused: givenOutputs });
    const session = await ort.InferenceSession.create(bytes, sessionOptions(options));
    return new Session(ort, session, graph, givenOutputs);
  }

  /**
   * Runs the graph. Every input must be fed, with as many elements as its shape says; inputs are not copied. Outputs named in
   * `into` are also written there: with `givenOutputs` only there, and all must be named. Throws on a misfit (a defect of the
   * caller).
   */
  async run(
    feeds: Readonly<Record<string, Values>>,
    into: Readonly<Record<string, Values>> = {},
  ): Promise<Readonly<Record<string, Values>>> {
    const toTensor = (name: string, type: TensorType, values: Values | undefined) =>
      tensorOf(this.#ort, name, type, values);
    const tensors: Record<string, Ort.Tensor> = {};
    for (const [name, type] of this.inputs) tensors[name] = toTensor(name, type, feeds[name]);
    const fetches: Record<string, Ort.Tensor | null> = this.#givenOutputs ? { [refusedName]: null } : {};
    for (const [name, type] of this.outputs) {
      const given = into[name] ?? (this.#givenOutputs ? undefined : null);
      fetches[name] = given === null ? null : toTensor(name, type, given);
    }
    if (this.#givenOutputs) {
      await this.#session.run(tensors, fetches).catch((error: unknown) => {
        if (!(error instanceof Error) || error.message !== refusal) throw error;
      });
      return into;
    }
    const results = await this.#session.run(tensors, fetches);
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Values]));
  }

  async close(): Promise<void> {
    this.#session.endProfiling();
    await this.#session.release();
  }
}

/** Values as onnxruntime's tensor, without a copy. Throws on a misfit (a defect of the caller). */
export function tensorOf(ort: typeof Ort, name: string, type: TensorType, values: Values | undefined): Ort.Tensor {
  if (!values) throw new Error(`nothing is given for ${name} ${describe(type)}`);
  if (values.length !== count(type.shape))
    throw new Error(`${name} ${describe(type)} is given ${values.length} elements`);
  // The names of element types are ONNX's on both sides; onnxruntime checks the array's type against them.
  return new ort.Tensor(type.dtype as 'float32', values as Float32Array, [...type.shape]);
}
