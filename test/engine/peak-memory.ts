// Prints by how many MB one training pass raised the process's peak of resident memory (Linux).
// node --import tsx peak-memory.ts '{"layers": 24, "vocabSize": 64, "recompute": true, "headParts": 1}'
import { readFileSync } from 'node:fs';
import { Session, type Values } from '../../src/engine/session.ts';
import { count } from '../../src/graph/tensor.ts';
import { buildTraining } from '../../src/graph/training.ts';
import { expectedTensors } from '../../src/model/names.ts';
import { tinyConfig } from './tiny.ts';

export interface Pass {
  layers: number;
  vocabSize: number;
  recompute: boolean;
  headParts: number;
}
const { layers, vocabSize, recompute, headParts } = JSON.parse(process.argv[2]!) as Pass;
const [batch, sequence] = [4, 256];
const config = tinyConfig({
  layers,
  vocabSize,
  hiddenSize: 64,
  intermediateSize: 192,
  heads: 8,
  kvHeads: 4,
  headDim: 8,
  maxPositions: sequence,
});
const trained = expectedTensors(config).map((t) => t.name);
const graph = buildTraining(config, () => ({ kind: 'input' }), { batch, sequence, trained, recompute, headParts });
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
