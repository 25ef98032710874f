import type { ForwardPasses } from '../engine/forward-passes.ts';
import { LayerScan, scanChunks } from '../engine/layer-scan.ts';
import { planScoring, type ScoringPlan } from '../engine/scoring-plan.ts';
import type { ScoreRequest, ScoreResult } from '../engine/types.ts';
import type { Journal } from './journal.ts';

export type Variant = 'removal' | 'duplication';

/** One change to a model's stack, and how it is computed from the states at the layer. */
interface VariantRow {
  /** The changed stack. */
  whole(layer: number, layers: number): number[];
  /** The states that it starts from: the layer's inputs or its outputs. */
  from: 'input' | 'output';
  /** What runs behind these states. */
  rest(layer: number, layers: number): number[];
}

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

/** Every change whose cost is measured. A duplicated layer runs twice, with nothing zeroed. */
export const variants: Record<Variant, VariantRow> = {
  removal: {
    whole: (layer, layers) => [...range(0, layer), ...range(layer + 1, layers)],
    from: 'input',
    rest: (layer, layers) => range(layer + 1, layers),
  },
  duplication: {
    whole: (layer, layers) => [...range(0, layer + 1), ...range(layer, layers)],
    from: 'output',
    rest: (layer, layers) => range(layer, layers),
  },
};

/** Looks at the states on their way. What it saw of a chunk is noted as one list of numbers. */
export interface Observer {
  /** Names its notes in the journal. */
  name: string;
  open(plan: ScoringPlan, requests: readonly number[]): Observation;
}
export interface Observation {
  /** Every layer's inputs and outputs, float32 [batch·sequence, hidden]. */
  layer?(layer: number, batch: number, before: Float32Array, after: Float32Array): void;
  /** Every layer's attention, float32 [batch, heads, sequence, sequence], and the positions of the batch's tokens. */
  attention?(layer: number, batch: number, probabilities: Float32Array, positions: Int32Array): void;
  finish(): Float64Array;
}

export interface ScanOptions {
  passes: ForwardPasses;
  requests: readonly ScoreRequest[];
  variants: readonly Variant[];
  observers: readonly Observer[];
  journal: Journal;
  /** Layers computed, of all. May throw to stop: what was noted is not lost. */
  onProgress(done: number, total: number): void;
}

export interface Scanned {
  /** Of the unchanged model, one result a request. */
  base: ScoreResult[];
  /** With each layer changed: [layers][requests]. */
  changed: Record<Variant, ScoreResult[][]>;
  /** What each observer noted, one list a chunk. */
  observed: Record<string, Float64Array[]>;
  /** Requests of each chunk. */
  chunks: number[][];
}

/**
 * Scores requests with the unchanged model and with every layer changed. What the changed models have in common is computed
 * once: the states go through the model layer by layer, and a change of layer i starts from the states there.
 */
export async function scanLayers(options: ScanOptions): Promise<Scanned> {
  const { passes, requests } = options;
  const { layers } = passes.model.config;
  const plan = planScoring(passes.model, requests);
  const blanks = () => Array.from({ length: layers }, () => plan.blank());
  const scanned: Scanned = {
    base: plan.blank(),
    changed: { removal: blanks(), duplication: blanks() },
    observed: Object.fromEntries(options.observers.map(({ name }) => [name, []])),
    chunks: [],
  };
  const counter = workCounter(options, plan);
  for (const [c, batches] of scanChunks(passes.model, plan).entries()) {
    const own = [...new Set(batches.flatMap((b) => plan.batches[b]!.requests))].sort((a, b) => a - b);
    await scanChunk({ c, batches, requests: own, plan, options, work: counter });
    collect(c, own, options, scanned);
  }
  return scanned;
}

const keys = {
  base: (chunk: number) => `base/${chunk}`,
  variant: (variant: Variant, layer: number, chunk: number) => `${variant} ${layer}/${chunk}`,
  observer: (name: string, chunk: number) => `${name}/${chunk}`,
};

interface Chunk {
  c: number;
  /** Batches of the plan, and the requests that they answer. */
  batches: readonly number[];
  requests: readonly number[];
  plan: ScoringPlan;
  options: ScanOptions;
  work: Work;
}

/** Computes and notes what the journal lacks of one chunk. */
async function scanChunk({ c, batches, requests, plan, options, work }: Chunk): Promise<void> {
  const { passes, journal, observers } = options;
  const { layers } = passes.model.config;
  const scores = async (key: string, compute: (results: ScoreResult[]) => Promise<void>, cost: number) => {
    if (journal.find(key)) return work.skip(cost * batches.length);
    const results = plan.blank();
    await compute(results);
    journal.note(key, fromResults(requests, results));
  };
  const wanted = (from: VariantRow['from']) => options.variants.filter((v) => variants[v].from === from);
  const change = async (variant: Variant, layer: number, scan: LayerScan) => {
    const rest = variants[variant].rest(layer, layers);
    const cost = rest.length + 1;
    const onBatch = () => work.add(cost);
    await scores(keys.variant(variant, layer, c), (results) => scan.score(rest, results, onBatch), cost);
  };
  const missing = observers.filter(({ name }) => !journal.find(keys.observer(name, c)));
  const all = [
    keys.base(c),
    ...options.variants.flatMap((v) => range(0, layers).map((layer) => keys.variant(v, layer, c))),
  ];
  if (missing.length === 0 && all.every((key) => journal.find(key))) return work.skip(work.perBatch * batches.length);

  const observations = missing.map((observer) => ({ name: observer.name, seen: observer.open(plan, requests) }));
  const scan = await LayerScan.open(passes, plan, batches);
  for (const layer of range(0, layers)) {
    for (const variant of wanted('input')) await change(variant, layer, scan);
    const looking = observations.filter(({ seen }) => seen.attention);
    if (looking.length > 0) {
      await scan.attention(
        (batch, probabilities, positions) => {
          for (const { seen } of looking) seen.attention?.(layer, batch, probabilities, positions);
        },
        () => work.add(1),
      );
    }
    await scan.advance(
      (batch, before, after) => {
        for (const { seen } of observations) seen.layer?.(layer, batch, before, after);
      },
      () => work.add(1),
    );
    for (const variant of wanted('output')) await change(variant, layer, scan);
  }
  await scores(keys.base(c), (results) => scan.score([], results, () => work.add(1)), 1);
  for (const { name, seen } of observations) journal.note(keys.observer(name, c), seen.finish());
}

/** Reads what was noted of a chunk into the results. */
function collect(c: number, requests: readonly number[], options: ScanOptions, scanned: Scanned): void {
  const { journal, observers } = options;
  scanned.chunks.push([...requests]);
  intoResults(journal.find(keys.base(c))!, requests, scanned.base);
  for (const variant of options.variants) {
    for (const [layer, results] of scanned.changed[variant].entries()) {
      intoResults(journal.find(keys.variant(variant, layer, c))!, requests, results);
    }
  }
  for (const { name } of observers) scanned.observed[name]!.push(journal.find(keys.observer(name, c))!);
}

/** [2·requests]: log-likelihoods, then whether each is greedy. */
function fromResults(requests: readonly number[], results: readonly ScoreResult[]): Float64Array {
  const own = requests.map((r) => results[r]!);
  return Float64Array.from([...own.map((r) => r.loglikelihood), ...own.map((r) => Number(r.isGreedy))]);
}

function intoResults(values: Float64Array, requests: readonly number[], results: readonly ScoreResult[]): void {
  for (const [i, request] of requests.entries()) {
    results[request]!.loglikelihood = values[i]!;
    results[request]!.isGreedy = values[requests.length + i] === 1;
  }
}

interface Work {
  /** Layers (and heads) that a batch goes through in all. */
  perBatch: number;
  add(layers: number): void;
  /** What the journal knew already. */
  skip(layers: number): void;
}

function workCounter({ passes, variants: wanted, observers, onProgress }: ScanOptions, plan: ScoringPlan): Work {
  const { layers } = passes.model.config;
  const rest = (variant: Variant) =>
    range(0, layers).reduce((sum, layer) => sum + variants[variant].rest(layer, layers).length + 1, 0);
  const looks = observers.some((observer) => observer.open(plan, []).attention) ? layers : 0;
  const perBatch = layers + 1 + looks + wanted.reduce((sum, variant) => sum + rest(variant), 0);
  const total = perBatch * plan.batches.length;
  let done = 0;
  const add = (work: number) => {
    done = Math.min(total, done + work);
    onProgress(done, total);
  };
  onProgress(0, total);
  return { perBatch, add, skip: add };
}
