import type * as Ort from 'onnxruntime-node';
import { fail } from '../base/problem.ts';
import type { Graph } from '../graph/graph.ts';
import { encodeModel } from '../graph/onnx.ts';
import type { TensorType } from '../graph/tensor.ts';
import { runtime, type SessionOptions, sessionOptions, tensorOf, type Values } from './session.ts';

/** A tensor in a buffer of the device. Whoever was given it disposes of it. */
export type DeviceTensor = Ort.Tensor;

/** The device has no memory for what is to be computed. Nothing that was on it is lost. */
export class DeviceMemoryError extends Error {
  /** What the device says, without the places in its program. */
  readonly reason: string;

  constructor(message: string, reason: string, cause: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/**
 * A graph on a device that keeps tensors in buffers of its own: outputs that `kept` names stay there, and are fed to later
 * runs. Three things of onnxruntime 1.30 are kept away from callers: a buffer's values cannot be asked for (the process
 * aborts), so everything that is not kept comes to the host; all outputs of a run are taken, since a part of them fails; and
 * buffers given for outputs are ignored, so each run makes new ones.
 */
export class DeviceSession {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #kept: ReadonlySet<string>;

  private constructor(ort: typeof Ort, session: Ort.InferenceSession, graph: Graph, kept: ReadonlySet<string>) {
    this.#ort = ort;
    this.#session = session;
    this.#kept = kept;
    this.inputs = new Map(graph.inputs.map(({ name, dtype, shape }) => [name, { dtype, shape }]));
  }

  static async open(
    graph: Graph,
    { kept, ...options }: SessionOptions & { kept: (output: string) => boolean },
  ): Promise<DeviceSession> {
    const ort = await runtime();
    requireProvider(ort, options.device?.provider ?? 'cpu');
    const names = graph.outputs.map(({ name }) => name);
    const session = await ort.InferenceSession.create(encodeModel(graph), {
      ...sessionOptions(options),
      // Named for every output, also where all come to the host: only then are buffers taken as inputs.
      preferredOutputLocation: Object.fromEntries(names.map((name) => [name, kept(name) ? 'gpu-buffer' : 'cpu'])),
    }).catch((error: unknown) => notOpened(error));
    return new DeviceSession(ort, session, graph, new Set(names.filter(kept)));
  }

  /**
   * Runs the graph. Every input must be fed with a buffer or with as many values as its shape says. Throws a
   * `DeviceMemoryError` where the device's memory does not suffice.
   */
  async run(
    feeds: Readonly<Record<string, Values | DeviceTensor>>,
  ): Promise<{ values: Record<string, Values>; buffers: Record<string, DeviceTensor> }> {
    const tensors: Record<string, Ort.Tensor> = {};
    for (const [name, type] of this.inputs) {
      const given = feeds[name];
      tensors[name] = isBuffer(given) ? given : tensorOf(this.#ort, name, type, given);
    }
    const results = await this.#session.run(tensors).catch((error: unknown) => {
      throw memoryError(error) ?? error;
    });
    const values: Record<string, Values> = {};
    const buffers: Record<string, DeviceTensor> = {};
    for (const [name, tensor] of Object.entries(results)) {
      if (this.#kept.has(name)) buffers[name] = tensor;
      else values[name] = tensor.data as Values;
    }
    return { values, buffers };
  }

  async close(): Promise<void> {
    this.#session.endProfiling();
    await this.#session.release();
  }
}

function isBuffer(given: Values | DeviceTensor | undefined): given is DeviceTensor {
  return given !== undefined && 'location' in given;
}

/**
 * What onnxruntime and Dawn say when a buffer cannot be had: the buffer is made all the same, as an invalid one, and its first
 * use fails; or a tensor is cut into more parts, each as large as the device lets a shader see, than a shader may have.
 */
const memorySigns: [sign: RegExp, reason: string][] = [
  [/Too many storage buffers in shader/, 'one tensor is larger than a shader of this device can see'],
  [/Invalid Buffer .* is invalid due to a previous error/, 'a buffer could not be allocated'],
  [
    /OUT_OF_(?:DEVICE|HOST)_MEMORY|out of memory|Failed to (?:create|allocate).*buffer/i,
    'a buffer could not be allocated',
  ],
];

function memoryError(error: unknown): DeviceMemoryError | undefined {
  const message = error instanceof Error ? error.message : String(error);
  const found = memorySigns.find(([sign]) => sign.test(message));
  return found && new DeviceMemoryError(message, found[1], error);
}

/** Fails with `not-available-adapter` where this platform's onnxruntime does not have the provider at all (Linux on arm64). */
function requireProvider(ort: typeof Ort, provider: string): void {
  if (ort.listSupportedBackends().some(({ name }) => name === provider)) return;
  fail(
    'not-available-adapter',
    `onnxruntime for ${process.platform}-${process.arch} does not compute with ${provider}.`,
    {
      remedy: 'Use `device: cpu`.',
    },
  );
}

/** Fails with `not-available-adapter` where there is no adapter. */
function notOpened(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  const short = memoryError(error);
  if (short) throw short;
  if (!/Failed to get a WebGPU (adapter|device)/.test(message)) throw error;
  const why = /Failed to get a WebGPU (?:adapter|device): (.*)/.exec(message)?.[1] ?? 'none is found';
  return fail('not-available-adapter', `WebGPU finds no graphics adapter here: ${why}.`, {
    remedy: 'Use `device: cpu`, or see with strata doctor what is missing.',
  });
}
