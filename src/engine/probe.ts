import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { random } from '../base/random.ts';
import type { Graph } from '../graph/graph.ts';
import { runOrder } from '../graph/schedule.ts';
import { count, type Node } from '../graph/tensor.ts';
import { buildTraining, type TrainingOptions } from '../graph/training.ts';
import type { LoraMap } from '../graph/weights.ts';
import { workOf } from '../graph/work.ts';
import { parseConfig } from '../model/config.ts';
import { expectedTensors, isLinearWeight } from '../model/names.ts';
import { keptLayers } from '../model/open.ts';
import type { ModelConfig } from '../model/types.ts';
import { trainingFlopsPerToken } from '../plan/cost.ts';
import type { SpeedShape } from '../plan/facts/machine.ts';
import { stackOf } from '../plan/selectors.ts';
import type { Speed } from '../plan/types.ts';
import { allocate } from './memory.ts';
import { adamwStep, gradientNorm } from './optimizer.ts';
import { Session, type Values } from './session.ts';

const [layers, vocabulary, batch, sequence] = [2, 4096, 2, 256];
/** Runs of each graph: as many as fit into the seconds, so that small models are not judged by one moment. */
const runs = { least: 3, most: 15, seconds: 0.7 };

/**
 * How fast this machine computes layers of this shape at this moment: a model of two of them with random weights is trained
 * with onnxruntime's profile on, once all of it and once LoRA beside it, and what each kind of node took is divided by its
 * work. About three seconds. The caller keeps the result.
 */
export async function probe(shape: SpeedShape, threads: number): Promise<Speed> {
  const config = configOf(shape);
  const names = expectedTensors(config).map((t) => t.name);
  const lora: LoraMap = new Map(names.filter(isLinearWeight).map((name) => [name, { rank: 8, scale: 2 }]));
  const whole = await profiled(config, { trained: names }, threads);
  const beside = await profiled(config, { trained: [], lora }, threads);
  const node = Math.min(...[...whole.nodes, ...beside.nodes].filter(isFree).map(({ seconds }) => seconds));
  const { optimizer, sum } = parameterSeconds();
  const between = Math.max(0, whole.seconds - whole.nodes.reduce((sum, n) => sum + n.seconds, 0)) / whole.nodes.length;
  const perToken = trainingFlopsPerToken(
    stackOf(config, keptLayers(layers)),
    { names: new Set(names) },
    sequence,
    false,
  );
  const step = whole.seconds + optimizer * whole.outputs;
  return {
    flopsPerSecond: (batch * sequence * perToken) / step,
    node: node + between,
    kinds: perUnit([...whole.nodes, ...beside.nodes], node),
    optimizer,
    sum,
  };
}

function configOf(shape: SpeedShape): ModelConfig {
  return parseConfig(
    {
      model_type: 'llama',
      hidden_size: shape.hiddenSize,
      intermediate_size: shape.intermediateSize,
      num_hidden_layers: layers,
      num_attention_heads: shape.heads,
      num_key_value_heads: shape.kvHeads,
      head_dim: shape.headDim,
      vocab_size: vocabulary,
      max_position_embeddings: sequence,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      hidden_act: 'silu',
      tie_word_embeddings: true,
    },
    'the model that speed is measured with',
  );
}

interface Timed {
  node: Node;
  seconds: number;
}
interface Profile {
  nodes: Timed[];
  /** Of a run without the profile, which takes some microseconds for each node. */
  seconds: number;
  /** Elements that are put out. */
  outputs: number;
}

/** A node that moves nothing: what it takes is what any node takes. */
const isFree = ({ node }: Timed) => workOf(node).units === 0;

/** Median seconds of each node in some runs, after one of warm-up. */
async function profiled(
  config: ModelConfig,
  what: Pick<TrainingOptions, 'trained' | 'lora'>,
  threads: number,
): Promise<Profile> {
  const graph = buildTraining(config, () => ({ kind: 'input' }), { ...what, batch, sequence, recompute: false });
  const order = runOrder(graph);
  const folder = await mkdtemp(join(tmpdir(), 'strata-speed-'));
  try {
    const feeds = randomFeeds(graph, config.vocabSize);
    const outputs = Object.fromEntries(graph.outputs.map(({ name, shape }) => [name, new Float32Array(count(shape))]));
    const wallSeconds = async (profile?: string) => {
      const session = await Session.open(graph, { threads, givenOutputs: true, profile });
      const walls: number[] = [];
      const start = performance.now();
      const spent = () => (performance.now() - start) / 1000;
      for (let i = 0; i <= runs.least || (i <= runs.most && spent() < runs.seconds); i++) {
        const began = performance.now();
        await session.run(feeds, outputs);
        walls.push((performance.now() - began) / 1000);
      }
      await session.close();
      return median(walls.slice(1));
    };
    await wallSeconds(join(folder, 'profile'));
    const [file] = await readdir(folder);
    const kernels = kernelSeconds(JSON.parse(await readFile(join(folder, file!), 'utf8')) as ProfileEvent[]);
    return {
      nodes: order.map((node) => ({ node, seconds: median((kernels.get(node.name) ?? [0]).slice(1)) })),
      seconds: await wallSeconds(),
      outputs: graph.outputs.reduce((sum, { shape }) => sum + count(shape), 0),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What of onnxruntime's profile is used: microseconds of each kernel, run after run. */
interface ProfileEvent {
  cat: string;
  name: string;
  ts: number;
  dur: number;
}
const suffix = '_kernel_time';

/** Seconds of each node's kernel, run after run. */
function kernelSeconds(events: readonly ProfileEvent[]): Map<string, number[]> {
  const times = new Map<string, ProfileEvent[]>();
  for (const event of events) {
    if (event.cat !== 'Node' || !event.name.endsWith(suffix)) continue;
    const name = event.name.slice(0, -suffix.length);
    const known = times.get(name);
    if (known) known.push(event);
    else times.set(name, [event]);
  }
  return new Map([...times].map(([name, of]) => [name, of.sort((a, b) => a.ts - b.ts).map(({ dur }) => dur / 1e6)]));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** A node with less to do says nothing of the speed of its kind: Cast has little to do here, and half of a model elsewhere. */
const leastUnits = 2 ** 15;

/** Seconds per unit of work of each kind, beyond what any node takes. */
function perUnit(nodes: readonly Timed[], free: number): Record<string, number> {
  const sums = new Map<string, { seconds: number; units: number }>();
  for (const { node, seconds } of nodes) {
    const { kind, units } = workOf(node);
    if (units < leastUnits) continue;
    const sum = sums.get(kind) ?? { seconds: 0, units: 0 };
    sums.set(kind, { seconds: sum.seconds + Math.max(0, seconds - free), units: sum.units + units });
  }
  return Object.fromEntries([...sums].map(([kind, s]) => [kind, s.seconds / s.units]));
}

/** Per parameter: of norm and AdamW, and of adding the gradient of one more pass. */
function parameterSeconds(): Pick<Speed, 'optimizer' | 'sum'> {
  const elements = 2 ** 21;
  const parameters = allocate([{ name: 'probe', shape: [elements] }], true);
  const [parameter] = parameters;
  parameter!.arrays.gradient.fill(1e-3);
  const settings = { betas: [0.9, 0.95], epsilon: 1e-8, weight_decay: 0, clip: 1 } as const;
  const least = (work: (step: number) => void) => {
    const seconds = [1, 2, 3].map((step) => {
      const began = performance.now();
      work(step);
      return (performance.now() - began) / 1000;
    });
    return Math.min(...seconds.slice(1)) / elements;
  };
  return {
    sum: least(() => parameter!.addPartial()),
    optimizer: least((step) => {
      const norm = gradientNorm(parameters);
      adamwStep(parameters, { ...settings, betas: [...settings.betas] }, { step, norm, learningRate: 1e-3 });
    }),
  };
}

function randomFeeds(graph: Graph, vocab: number): Record<string, Values> {
  const generator = random('probe');
  const integers: Record<string, (i: number) => number> = {
    ids: () => generator.below(vocab),
    targets: () => generator.below(vocab),
    segments: () => 0,
    positions: (i) => i % sequence,
  };
  return Object.fromEntries(
    graph.inputs.map(({ name, shape }) => {
      const length = count(shape);
      const integer = integers[name];
      if (integer) return [name, Int32Array.from({ length }, (_, i) => integer(i))];
      if (name === 'scale') return [name, Float32Array.of(1 / (batch * sequence))];
      // Cheap to make, and no number that products would be faster with.
      return [name, new Float32Array(length).map((_, i) => 0.02 * (((i * 7919) % 97) / 48 - 1))];
    }),
  );
}
