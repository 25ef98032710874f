import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, freemem } from 'node:os';
import { attempt } from '../../base/problem.ts';
import { version } from '../../base/version.ts';
import { type AdapterFinding, chooseDevice } from '../../device/adapter.ts';
import { notCarriedOut } from '../../device/devices.ts';
import { type Finding, findingLines } from '../../launch/finding.ts';
import { bytes, flops } from '../../plan/amounts.ts';
import { rememberDevice } from '../../plan/facts/device.ts';
import { memory, processor, type SpeedShape } from '../../plan/facts/machine.ts';
import { findAdapter } from '../find-adapter.ts';
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
      ...(await deviceFindings()),
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

/** Devices of the table: the version of what computes on them, the adapter, and what `auto` takes. */
async function deviceFindings(): Promise<Finding[]> {
  const runtime = `onnxruntime-node ${runtimeVersion() ?? '(version unknown)'}`;
  const finding = await findWithLimits();
  const chosen = chooseDevice(finding);
  // Whoever asks what is there has perhaps just installed a driver.
  await rememberDevice(chosen);
  const others = Object.entries(notCarriedOut).map(
    ([name, { why, instead }]): Finding => ({
      name,
      state: 'warning',
      found: `not available in this version: ${why}`,
      remedy: `Use the device ${instead}.`,
    }),
  );
  return [
    { name: 'cpu', state: 'ok', found: runtime },
    webgpuFinding(finding),
    ...others,
    { name: 'auto', state: 'ok', found: chosen.why.replace(/^Device: /, '') },
  ];
}

/** The largest tensor that is tried: enough for the embeddings of common models. */
const largestTried = 2 ** 31;

/** What tensors a graphics card takes is tried; a driver on the processor would take long for it. */
async function findWithLimits(): Promise<AdapterFinding> {
  const finding = await findAdapter();
  return finding.found && !finding.adapter.software ? findAdapter({ largest: largestTried }) : finding;
}

function webgpuFinding(finding: AdapterFinding): Finding {
  const name = 'webgpu';
  if (!finding.found) {
    const remedy =
      process.platform === 'linux'
        ? "A graphics card needs its Vulkan driver, and the loader: apt-get install libvulkan1 (or your system's package)."
        : 'Install the driver of your graphics card.';
    return { name, state: 'warning', found: finding.reason, remedy };
  }
  const { name: adapter = 'an adapter without a name', driver, half, largestTensor, memory: size } = finding.adapter;
  const found = [
    adapter,
    ...(driver === undefined ? [] : [`driver ${driver}`]),
    ...(size === undefined ? [] : [`${bytes(size)} memory`]),
    ...(largestTensor === undefined ? [] : [`tensors up to ${bytes(largestTensor)} tried`]),
    half ? 'float16 (precision: mixed)' : 'no float16',
  ].join(', ');
  if (finding.adapter.software) {
    return {
      name,
      state: 'warning',
      found,
      remedy: 'This driver computes on the processor: the device cpu is faster.',
    };
  }
  // What was measured so far was measured on drivers that compute on the processor.
  return {
    name,
    state: 'ok',
    found,
    remedy: 'Not yet proven on graphics cards: hold a short run against one with --device cpu.',
  };
}

function runtimeVersion(): string | undefined {
  try {
    return (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  } catch {
    return undefined;
  }
}

/** A small layer, so that the answer comes at once; plans measure with the shape of their own model. */
const small: SpeedShape = { hiddenSize: 256, intermediateSize: 704, heads: 4, kvHeads: 4, headDim: 64 };

/** Trains a few steps: the proof that the runtime loads and computes here. */
async function training(): Promise<Finding> {
  const name = 'training';
  const measured = await attempt(async () => {
    const { probe } = await import('../../engine/probe.ts');
    return (await probe(small, availableParallelism())).flopsPerSecond;
  }).catch((error: unknown) => ({ ok: false as const, problem: { message: String(error), remedy: undefined } }));
  if (measured.ok) return { name, state: 'ok', found: `${flops(measured.value)}/s on the cpu, measured just now` };
  const { message, remedy = 'Install Strata again: npm install in its folder.' } = measured.problem;
  return { name, state: 'missing', found: message, remedy };
}
