import { fail } from '../base/problem.ts';
import { count, type Shape } from '../graph/tensor.ts';
import { kernelsBase64 } from './kernels.ts';

/** What `kernels.wat` exports. Pointers are byte offsets in the memory. */
interface Kernels {
  sumOfSquares(x: number, length: number): number;
  add(x: number, y: number, length: number): void;
  adamw(p: number, m: number, v: number, g: number, length: number, ...coefficients: AdamwCoefficients): void;
}
/** clip, keep, share1, beta2, share2, rate, inverse2, epsilon: see kernels.wat. */
export type AdamwCoefficients = [number, number, number, number, number, number, number, number];

/** The arrays that the optimizer keeps for each parameter. `partial` receives the gradients of later micro-batches. */
export const slots = ['value', 'first', 'second', 'gradient', 'partial'] as const;
export type Slot = (typeof slots)[number];

/** One parameter in a bank: views on its arrays, which are inputs and outputs of the training session. */
export interface Parameter {
  name: string;
  shape: Shape;
  arrays: Readonly<Record<Slot, Float32Array>>;
  /** Sum of squares in float64; not finite if an element is not. */
  sumOfSquares(of: 'gradient' | 'value'): number;
  /** gradient += partial */
  addPartial(): void;
  adamw(coefficients: AdamwCoefficients): void;
}

const page = 65536;
/** Of one memory: a little less than 4 GiB, so that a pointer just past the end is still a 32-bit number. */
const bankBytes = 2 ** 32 - page;
/** Elements are padded to whole cache lines; the padding stays zero. */
const padded = (elements: number) => Math.ceil(elements / 16) * 16;

/**
 * Memory for the parameters that are trained, in as many WebAssembly memories as are needed. `accumulate` also keeps `partial`.
 * Fails with `memory-short` where the machine does not give it, `not-available-size` for one tensor too large for a memory.
 */
export function allocate(
  parameters: readonly { name: string; shape: Shape }[],
  accumulate: boolean,
  limit = bankBytes,
): Parameter[] {
  const used = accumulate ? slots : slots.filter((slot) => slot !== 'partial');
  const bytes = (p: { shape: Shape }) => padded(count(p.shape)) * 4 * used.length;
  const banks: { name: string; shape: Shape }[][] = [];
  let free = 0;
  for (const parameter of parameters) {
    const size = bytes(parameter);
    if (size > limit) {
      fail(
        'not-available-size',
        `${parameter.name} has ${count(parameter.shape)} elements, more than can be trained.`,
        {
          place: parameter.name,
          remedy: `Leave it out of \`train\`; up to ${Math.floor(limit / 4 / used.length)} elements of one tensor can be trained.`,
        },
      );
    }
    if (size > free || banks.length === 0) {
      banks.push([]);
      free = limit;
    }
    banks.at(-1)!.push(parameter);
    free -= size;
  }
  const module = new WebAssembly.Module(Buffer.from(kernelsBase64, 'base64'));
  return banks.flatMap((bank) =>
    fillBank(
      module,
      bank,
      used,
      bank.reduce((sum, p) => sum + bytes(p), 0),
    ),
  );
}

function fillBank(
  module: WebAssembly.Module,
  parameters: readonly { name: string; shape: Shape }[],
  used: readonly Slot[],
  bytes: number,
): Parameter[] {
  const memory = reserve(bytes);
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
  let next = 0;
  return parameters.map(({ name, shape }): Parameter => {
    const length = padded(count(shape));
    const at = Object.fromEntries(used.map((slot, i) => [slot, next + i * length * 4])) as Record<Slot, number>;
    next += used.length * length * 4;
    const view = (slot: Slot) => new Float32Array(memory.buffer, at[slot] ?? 0, used.includes(slot) ? count(shape) : 0);
    return {
      name,
      shape,
      arrays: Object.fromEntries(slots.map((slot) => [slot, view(slot)])) as Record<Slot, Float32Array>,
      sumOfSquares: (of) => kernels.sumOfSquares(at[of], length),
      addPartial: () => kernels.add(at.gradient, at.partial, length),
      adamw: (coefficients) => kernels.adamw(at.value, at.first, at.second, at.gradient, length, ...coefficients),
    };
  });
}

function reserve(bytes: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: Math.max(1, Math.ceil(bytes / page)) });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return fail('memory-short', `The optimizer needs ${Math.ceil(bytes / 2 ** 20)} MiB more memory than there is.`, {
      remedy: 'Train fewer tensors, use LoRA, or run it on a machine with more memory.',
    });
  }
}
