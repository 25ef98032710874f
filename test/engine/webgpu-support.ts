import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { random } from '../../src/base/random.ts';
import type { Rows } from '../../src/data/types.ts';
import { devices } from '../../src/device/devices.ts';
import { DeviceBuffers, disposeAll } from '../../src/engine/device-buffers.ts';
import { DeviceSession } from '../../src/engine/device-session.ts';
import type { Values } from '../../src/engine/session.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { count } from '../../src/graph/tensor.ts';
import type { ResolvedTraining } from '../../src/plan/types.ts';

export const training: ResolvedTraining = {
  steps: 20,
  batch: 4,
  micro_batch: 4,
  sequence: 12,
  packing: 'document',
  learning_rate: 1e-2,
  schedule: 'cosine',
  warmup: 2,
  betas: [0.9, 0.95],
  epsilon: 1e-8,
  weight_decay: 0.1,
  clip: 1,
  precision: 'float32',
  base_precision: 'float32',
  corpus: { hash: '', kind: 'tokens' },
};

/** Batch of step `step`: two documents a row, each counting up from somewhere; some targets ignored. */
function batch(step: number, vocabulary: number): Rows {
  const generator = random('batch', step);
  const { batch: rows, sequence } = training;
  const length = rows * sequence;
  const starts = Array.from({ length: 2 * rows }, () => generator.below(vocabulary));
  const document = (i: number) => 2 * Math.floor(i / sequence) + (i % sequence < 7 ? 0 : 1);
  const position = (i: number) => (i % sequence < 7 ? i % sequence : (i % sequence) - 7);
  const token = (i: number) => (starts[document(i)]! + position(i)) % vocabulary;
  return {
    rows,
    sequence,
    ids: Int32Array.from({ length }, (_, i) => token(i)),
    targets: Int32Array.from({ length }, (_, i) => (i % 5 === 4 ? -100 : (token(i) + 1) % vocabulary)),
    segments: Int32Array.from({ length }, (_, i) => (i % sequence < 7 ? 0 : 1)),
    positions: Int32Array.from({ length }, (_, i) => position(i)),
  };
}
/** Two batches in turn, so that a few steps show that a model learns. */
export const batches = (steps: number, vocabulary: number) =>
  Array.from({ length: steps }, (_, i) => batch(i % 2, vocabulary));

/** Keeps the device, with the programs that it has compiled, from being given up between the tests of a file. */
export async function keepDevice(): Promise<void> {
  const buffers = new DeviceBuffers(devices.webgpu!, 1);
  const held = await buffers.upload([{ name: 'x', shape: [1] }], () => new Float32Array(1));
  after(async () => {
    disposeAll(held.values());
    await buffers.close();
  });
}

/**
 * Nodes that ran on the CPU although the session is one of WebGPU, and copies between the two, as `op type`, each kind once:
 * from onnxruntime's own profile.
 */
export async function nodesOnCpu(graph: Graph): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'strata-profile-'));
  try {
    const device = devices.webgpu!;
    const session = await DeviceSession.open(graph, {
      device,
      threads: 1,
      kept: () => false,
      profile: join(folder, 'profile'),
    });
    const feeds = graph.inputs.map(({ name, dtype, shape }): [string, Values] => {
      const length = count(shape);
      return [name, dtype === 'int32' ? new Int32Array(length) : new Float32Array(length).fill(0.01)];
    });
    await session.run(Object.fromEntries(feeds));
    await session.close();
    const [file] = readdirSync(folder);
    const events = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as {
      cat: string;
      name: string;
      args: { op_name?: string; provider?: string; output_type_shape?: Record<string, number[]>[] };
    }[];
    const nodes = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'));
    if (nodes.length < graph.nodes.length / 2) throw new Error(`a profile of ${nodes.length} nodes`);
    const kinds = new Set<string>();
    for (const { args } of nodes) {
      const op = args.op_name!;
      const [output] = args.output_type_shape ?? [];
      const type = Object.entries(output ?? {}).map(([dtype, shape]) => `${dtype}[${shape.join()}]`);
      if (args.provider === 'CPUExecutionProvider' || op.startsWith('Memcpy')) kinds.add(`${op} ${type}`);
    }
    return [...kinds].sort();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
