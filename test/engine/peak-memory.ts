// Prints by how many MB one training pass of 24 layers raised the process's peak of resident memory (Linux).
// node --import tsx peak-memory.ts true|false      (recompute)
import { readFileSync } from 'node:fs';
import { Session, type Values } from '../../src/engine/session.ts';
import { count } from '../../src/graph/tensor.ts';
import { buildTraining } from '../../src/graph/training.ts';
import { expectedTensors } from '../../src/model/names.ts';
import { tinyConfig } from './tiny.ts';

const [batch, sequence] = [4, 256];
const config = tinyConfig({
  layers: 24,
  hiddenSize: 64,
  intermediateSize: 192,
  heads: 8,
  kvHeads: 4,
  headDim: 8,
  vocabSize: 64,
  maxPositions: sequence,
});
const graph = buildTraining(config, () => ({ kind: 'input' }), {
  batch,
  sequence,
  trained: expectedTensors(config).map((t) => t.name),
  recompute: process.argv[2] === 'true',
});
const feeds: Record<string, Values> = Object.fromEntries(
  graph.inputs.map(({ name, dtype, shape }) => {
    const length = count(shape);
    if (name === 'positions') return [name, Int32Array.from({ length }, (_, i) => i % sequence)];
    return [name, dtype === 'int32' ? new Int32Array(length) : new Float32Array(length).fill(0.1)];
  }),
);
const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
const session = await Session.open(graph, { threads: 1 });
const before = peak();
await session.run(feeds);
console.log(peak() - before);
