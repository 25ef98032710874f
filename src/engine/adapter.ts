import { Failure } from '../base/problem.ts';
import type { Adapter, AdapterFinding } from '../device/adapter.ts';
import { devices } from '../device/devices.ts';
import { Graph } from '../graph/graph.ts';
import { DeviceMemoryError, DeviceSession } from './device-session.ts';
import { hasHalf } from './half-precision.ts';

/**
 * Tries WebGPU in this process: opens it, computes a product and holds it against the right one, and finds out what the adapter
 * can; with `largest` also which tensors up to that size it makes. Its name is not among what onnxruntime tells; see `findAdapter` of the command line. For a process of its own: a driver
 * may crash, and says what is wrong on stderr only.
 */
export async function tryAdapter({ largest }: { largest?: number } = {}): Promise<AdapterFinding> {
  try {
    if (!(await multipliesRight())) return { found: false, reason: 'it computes a product wrong' };
    const adapter: Adapter = { software: false, half: await hasHalf(devices.webgpu!, 1) };
    if (largest !== undefined) adapter.largestTensor = await largestTensor(largest);
    return { found: true, adapter };
  } catch (error) {
    if (error instanceof Failure) return { found: false, reason: withoutDot(error.message) };
    return { found: false, reason: withoutDot(error instanceof Error ? error.message.split('\n')[0]! : String(error)) };
  }
}

const withoutDot = (text: string) => text.replace(/\.$/, '');

async function multipliesRight(): Promise<boolean> {
  const device = devices.webgpu!;
  const g = new Graph('float32', device.forms);
  const [a, b] = [g.input('a', 'float32', [3, 4]), g.input('b', 'float32', [4, 5])];
  g.output('y', g.apply('MatMul', [a, b]));
  const session = await DeviceSession.open(g, { device, threads: 1, kept: () => false });
  try {
    const feeds = {
      a: Float32Array.from({ length: 12 }, (_, i) => i),
      b: Float32Array.from({ length: 20 }, (_, i) => i),
    };
    const { values } = await session.run(feeds);
    return [...(values['y'] as Float32Array)].every((value, i) => {
      const [row, column] = [Math.floor(i / 5), i % 5];
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += feeds.a[4 * row + k]! * feeds.b[5 * k + column]!;
      return value === sum;
    });
  } finally {
    await session.close();
  }
}

/** From the largest to the one that every WebGPU device has. */
const tried = [2 ** 31, 2 ** 30, 2 ** 29, 2 ** 28, 2 ** 27];

/** The largest tensor of these sizes that the device makes; a device tells no limits, so they are tried. */
async function largestTensor(most: number): Promise<number | undefined> {
  const device = devices.webgpu!;
  for (const bytes of tried.filter((size) => size <= most)) {
    const g = new Graph('float32', device.forms);
    const wide = g.apply('Expand', [g.input('x', 'float32', [1, 1]), g.ints([bytes / 4 / 1024, 1024])]);
    g.output('y', g.apply('ReduceMax', [wide, g.ints([0, 1])], { keepdims: 0 }));
    const session = await DeviceSession.open(g, { device, threads: 1, kept: () => false });
    try {
      const { values } = await session.run({ x: Float32Array.of(3) });
      if (values['y']![0] === 3) return bytes;
    } catch (error) {
      if (!(error instanceof DeviceMemoryError)) throw error;
    } finally {
      await session.close();
    }
  }
  return undefined;
}
