import { fail } from '../base/problem.ts';
import type { Device } from '../device/types.ts';
import { cast } from '../graph/functions.ts';
import { Graph } from '../graph/graph.ts';
import { DeviceSession } from './device-session.ts';

/** Not every value of float32 is one of float16: what comes back tells whether it was rounded. */
const between = 1 + 2 ** -12;

/** Whether the device computes in float16, found out by doing it. */
export async function hasHalf(device: Device, threads: number): Promise<boolean> {
  const g = new Graph('float32', device.forms);
  const half = cast(g, g.input('x', 'float32', [4]), 'float16');
  g.output('y', cast(g, half, 'float32'));
  const session = await DeviceSession.open(g, { device, threads, kept: () => false });
  try {
    const { values } = await session.run({ x: new Float32Array(4).fill(between) });
    return values['y']![0] === 1;
  } catch (error) {
    if (error instanceof Error && /f16/.test(error.message)) return false;
    throw error;
  } finally {
    await session.close();
  }
}

/** Fails with `not-available` where the device has no half precision. */
export async function requireHalf(device: Device, threads: number): Promise<void> {
  if (await hasHalf(device, threads)) return;
  fail('not-available', `The graphics adapter of the device ${device.name} has no half precision (float16).`, {
    remedy: 'Use `precision: float32`.',
  });
}
