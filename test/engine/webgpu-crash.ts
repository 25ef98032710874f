import { devices } from '../../src/device/devices.ts';
import { DeviceSession } from '../../src/engine/device-session.ts';
import { buildCopy } from '../../src/graph/optimizer.ts';

// What ends the process, and what to do instead; started by webgpu-traps.test.ts.
const device = devices.webgpu!;
const graph = () => buildCopy(device.forms, [{ name: 'x', shape: [3] }]);
const session = await DeviceSession.open(graph(), { device, threads: 1, kept: () => true });
const { buffers } = await session.run({ x: new Float32Array(3).fill(2) });
const buffer = buffers['to.x']!;
console.log('before');

const ways: Record<string, () => Promise<void>> = {
  'get-data': async () => console.log(String(await buffer.getData())),
  copy: async () => {
    const out = await DeviceSession.open(graph(), { device, threads: 1, kept: () => false });
    console.log(String((await out.run({ x: buffer })).values['to.x']));
    await out.close();
    buffer.dispose();
    await session.close();
  },
  'dispose-late': async () => {
    await session.close();
    buffer.dispose();
    console.log('after');
  },
  'dispose-early': async () => {
    buffer.dispose();
    await session.close();
    console.log('after');
  },
};
await ways[process.argv[2]!]!();
