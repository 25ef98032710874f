import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, freemem } from 'node:os';
import { attempt } from '../../base/problem.ts';
import { version } from '../../base/version.ts';
import { devices } from '../../device/devices.ts';
import type { DeviceName } from '../../device/types.ts';
import { type Finding, findingLines } from '../../launch/finding.ts';
import { bytes, flops } from '../../plan/amounts.ts';
import { memory, processor, type SpeedShape } from '../../plan/facts/machine.ts';
import type { Verb } from '../verb.ts';

/** What this machine offers, what is missing and how to get it. */
export const doctor: Verb = {
  name: 'doctor',
  summary: 'what this machine offers: node, processor, memory, disk, devices, training speed',
  configure() {},
  async run(io) {
    const findings = [
      program(),
      node(),
      processorFinding(),
      memoryFinding(),
      await disk(io.cwd),
      ...deviceFindings(),
      await training(),
    ];
    if (io.json) io.out(JSON.stringify({ findings }, null, 2));
    else for (const finding of findings) for (const line of findingLines(finding)) io.out(line);
    return findings.some(({ state }) => state === 'missing') ? 1 : 0;
  },
};

function program(): Finding {
  return { name: 'strata', state: 'ok', found: version };
}

function node(): Finding {
  const found = `${process.versions.node}, ${process.platform} ${process.arch}`;
  if (Number(process.versions.node.split('.')[0]) >= 20) return { name: 'node', state: 'ok', found };
  return { name: 'node', state: 'missing', found, remedy: 'Strata needs Node 20 or newer: https://nodejs.org' };
}

function processorFinding(): Finding {
  const threads = availableParallelism();
  return { name: 'processor', state: 'ok', found: `${processor()}, ${threads} thread${threads === 1 ? '' : 's'}` };
}

function memoryFinding(): Finding {
  return { name: 'memory', state: 'ok', found: `${bytes(memory())}, ${bytes(Math.min(freemem(), memory()))} free` };
}

/** Less than this does not hold checkpoint and model of a small run. */
const littleSpace = 2 ** 30;

async function disk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${bytes(free)} free at ${folder}`;
  if (free >= littleSpace) return { name: 'disk', state: 'ok', found };
  return { name: 'disk', state: 'warning', found, remedy: 'Runs keep checkpoints and models: free some space.' };
}

const deviceNames: DeviceName[] = ['cpu', 'webgpu', 'cuda'];

/** Devices of the table, and the version of what computes on them. */
function deviceFindings(): Finding[] {
  const runtime = `onnxruntime-node ${runtimeVersion() ?? '(version unknown)'}`;
  return deviceNames.map((name) => {
    const found = devices[name] ? runtime : 'not available in this version of Strata';
    return { name, state: devices[name] ? 'ok' : 'warning', found };
  });
}

function runtimeVersion(): string | undefined {
  try {
    return (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  } catch {
    return undefined;
  }
}

/** A small layer, so that the answer comes at once; plans measure with the shape of their own model. */
const probe: SpeedShape = { hiddenSize: 256, intermediateSize: 704, heads: 4, kvHeads: 4, headDim: 64 };

/** Trains a few steps: the proof that the runtime loads and computes here. */
async function training(): Promise<Finding> {
  const name = 'training';
  const measured = await attempt(async () => {
    const { measureSpeed } = await import('../measure-speed.ts');
    return measureSpeed(probe, availableParallelism());
  }).catch((error: unknown) => ({ ok: false as const, problem: { message: String(error), remedy: undefined } }));
  if (measured.ok) return { name, state: 'ok', found: `${flops(measured.value)}/s on the cpu, measured just now` };
  const { message, remedy = 'Install Strata again: npm install in its folder.' } = measured.problem;
  return { name, state: 'missing', found: message, remedy };
}
