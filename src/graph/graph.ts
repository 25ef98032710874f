import type { Forms } from '../device/types.ts';
import { inferTypes, type Op } from './ops.ts';
import {
  type Application,
  type Attributes,
  count,
  describe,
  type ElementType,
  type FloatType,
  type Node,
  type Shape,
  type Tensor,
  type TensorType,
} from './tensor.ts';

/** Where bytes lie that the graph does not carry itself (ONNX external data). */
export interface External {
  /** Path relative to the folder that is named to the session. */
  location: string;
  offset: number;
  length: number;
}
export interface Initializer {
  tensor: Tensor;
  data: Uint8Array | External;
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

/** The smaller, the more names are shared; larger constants are always kept apart. */
const sharedConstants = 16;

/**
 * A static-shape ONNX graph while it is being built. Ops go in through `apply` (types inferred and checked by the table of
 * ops, remembered for the walk back); `block` remembers a group of ops as one application with a gradient rule of its own.
 */
export class Graph {
  /** Element type of everything that is computed. */
  readonly float: FloatType;
  /** Which of several equal forms of an op the device takes. */
  readonly forms: Forms;
  readonly nodes: Node[] = [];
  readonly inputs: Tensor[] = [];
  readonly outputs: Tensor[] = [];
  readonly initializers: Initializer[] = [];
  #constants = new Map<string, Tensor>();
  #names = new Set<string>();
  #scope = '';
  #serial = 0;

  constructor(float: FloatType, forms: Forms) {
    this.float = float;
    this.forms = forms;
  }

  #claim(name: string): string {
    if (this.#names.has(name)) throw new Error(`two tensors are called ${name}`);
    this.#names.add(name);
    return name;
  }

  /** Names of nodes made in `work` begin with `name/`: profiles and errors of onnxruntime show them. */
  scope<T>(name: string, work: () => T): T {
    const outer = this.#scope;
    this.#scope = `${outer}${name}/`;
    try {
      return work();
    } finally {
      this.#scope = outer;
    }
  }

  input(name: string, dtype: ElementType, shape: Shape): Tensor {
    const tensor: Tensor = { name: this.#claim(name), dtype, shape };
    this.inputs.push(tensor);
    return tensor;
  }

  /** A tensor whose bytes are read from a file when the session is made. */
  external(name: string, dtype: ElementType, shape: Shape, data: External, scales?: Tensor): Tensor {
    const tensor: Tensor = { name: this.#claim(name), dtype, shape, ...(scales && { scales }) };
    this.initializers.push({ tensor, data });
    return tensor;
  }

  constant(dtype: keyof typeof arrays | 'int64', shape: Shape, values: ArrayLike<number>): Tensor {
    if (values.length !== count(shape)) throw new Error(`${values.length} values for [${shape.join(',')}]`);
    const small = values.length <= sharedConstants;
    const key = small ? `${dtype}|${shape.join()}|${Array.from(values).join()}` : '';
    const known = small ? this.#constants.get(key) : undefined;
    if (known) return known;
    const array =
      dtype === 'int64' ? BigInt64Array.from(Array.from(values), BigInt) : arrays[dtype].from(Array.from(values));
    const tensor: Tensor = { name: this.#claim(`constant_${this.initializers.length}`), dtype, shape };
    if (small && dtype === 'int64') tensor.values = Array.from(values);
    this.initializers.push({ tensor, data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) });
    if (small) this.#constants.set(key, tensor);
    return tensor;
  }

  /** A list of integers as shapes, axes and sizes are written. */
  ints(values: readonly number[]): Tensor {
    return this.constant('int64', [values.length], values);
  }

  scalar(value: number, dtype: FloatType = this.float): Tensor {
    return this.constant(dtype, [], [value]);
  }

  /** Emits a node with output types that the caller vouches for; nothing is remembered for the walk back. */
  emit(
    op: string,
    inputs: readonly (Tensor | undefined)[],
    attributes: Attributes,
    types: readonly TensorType[],
  ): Tensor[] {
    const serial = this.#serial++;
    const outputs = types.map(
      ({ dtype, shape }, i): Tensor => ({
        name: this.#claim(`${this.#scope}${op}_${serial}${i ? `.${i}` : ''}`),
        dtype,
        shape,
      }),
    );
    this.nodes.push({ op, name: `${this.#scope}${op}_${serial}`, inputs, outputs, attributes });
    return outputs;
  }

  applyAll(op: Op, inputs: readonly Tensor[], attributes: Attributes = {}): Tensor[] {
    const outputs = this.emit(op, inputs, attributes, inferTypes(op, inputs, attributes));
    const application: Application = { op, inputs, outputs, attributes, saved: undefined };
    for (const output of outputs) output.from = application;
    return outputs;
  }

  /** Applies an op of one output. */
  apply(op: Op, inputs: readonly Tensor[], attributes: Attributes = {}): Tensor {
    return this.applyAll(op, inputs, attributes)[0]!;
  }

  /**
   * Remembers what `body` emits as one application of the block `op`: the walk back sees its inputs, its outputs and what it
   * saved, and uses the rule of that name. The outputs must have been made in `body`.
   */
  block<S>(op: string, inputs: readonly Tensor[], body: () => { outputs: Tensor[]; saved: S }): Tensor[] {
    const { outputs, saved } = body();
    const application: Application = { op, inputs, outputs, attributes: {}, saved };
    for (const output of outputs) output.from = application;
    return outputs;
  }

  /** Makes `tensor` an output called `name`. Inputs, initializers and tensors already put out pass through an Identity. */
  output(name: string, tensor: Tensor): Tensor {
    const made = this.#isMade(tensor) && !this.outputs.includes(tensor);
    const out = made ? tensor : this.apply('Identity', [tensor]);
    out.name = this.#claim(name);
    this.outputs.push(out);
    return out;
  }

  #isMade(tensor: Tensor): boolean {
    return !this.inputs.includes(tensor) && !this.initializers.some((i) => i.tensor === tensor);
  }

  /** For messages: the graph's size in a few words. */
  toString(): string {
    return `graph of ${this.nodes.length} nodes, inputs ${this.inputs.map((t) => `${t.name} ${describe(t)}`).join(', ')}`;
  }
}
