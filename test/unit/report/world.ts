import { sha256 } from '../../../src/base/hash.ts';
import { type Random, random } from '../../../src/base/random.ts';
import type { Surgery } from '../../../src/model/types.ts';
import type { LoraPlan, ResolvedTraining } from '../../../src/plan/types.ts';
import type { SampleRecord, ScoreRecord, Scores, StepRecord } from '../../../src/record/types.ts';
import type { ComparedRun, CompareInput } from '../../../src/report/types.ts';

/** Runs with made-up numbers in the shape of the sample world: six arms, tasks of 120, 120, 80 and 160 documents. */

interface Arm {
  surgery: Surgery;
  /** Layers whose tensor is trained; `all` for every one. */
  trained: number[] | 'all';
  lora?: LoraPlan;
  learningRate?: number;
  /** recall_new, recall_old, sums, bits per byte. */
  scores: [number, number, number, number];
}

export const arms: Record<string, Arm> = {
  base: { surgery: {}, trained: [], scores: [0.317, 0.992, 0.963, 0.62] },
  s: {
    surgery: {
      expand: { after: [1, 3], init: 'average', identity: true },
      prune: [7],
      merge: { into: 6, of: [6, 7] },
    },
    trained: [2, 5, 8],
    scores: [0.8, 0.611, 0.896, 0.71],
  },
  pro: {
    surgery: { expand: { after: [3, 7], init: 'copy', identity: true } },
    trained: [4, 9],
    scores: [0.783, 0.775, 0.971, 0.66],
  },
  lora: {
    surgery: {},
    trained: [],
    lora: { rank: 23, alpha: 46, rslora: false, weights: [0, 1, 2, 3, 4, 5, 6, 7].map(weight) },
    learningRate: 6e-3,
    scores: [0.664, 0.619, 0.95, 0.69],
  },
  full: { surgery: {}, trained: 'all', scores: [0.85, 0.492, 0.608, 0.75] },
  control: { surgery: {}, trained: [1, 2, 3], scores: [0.55, 0.731, 0.963, 0.65] },
};

function weight(layer: number): string {
  return `model.layers.${layer}.mlp.up_proj.weight`;
}

/** A fixed difficulty for each document: an arm answers those below its score, so that results of arms are paired. */
function difficulty(task: string, n: number): number[] {
  const generator = random('difficulty', task);
  return Array.from({ length: n }, () => generator.float());
}

const people = ['Olga Sato', 'Ravi Lind', 'Mina Okoro', 'Jon Brandt', 'Ada Fischer'];
const cities = ['Lisbon', 'Oslo', 'Kyoto', 'Quito'];

function choiceSamples(task: string, n: number, share: number, noise: Random): SampleRecord[] {
  return difficulty(task, n).map((hard, doc) => {
    const right = hard + 0.12 * (noise.float() - 0.5) < share ? 1 : 0;
    const context = `Question: Where does ${people[doc % people.length]} live (<${doc}> & co.)?\nAnswer:`;
    const gold = doc % 4;
    return {
      doc_id: doc,
      prompt_hash: sha256(context),
      target_hash: sha256(String(gold)),
      context,
      continuations: cities.map((c) => ` ${c}`),
      gold,
      loglikelihoods: cities.map((_, i) => (i === (right ? gold : (gold + 1) % 4) ? -1 : -3)),
      is_greedy: cities.map(() => false),
      acc: right,
      acc_norm: right,
    };
  });
}

function sumSamples(task: string, n: number, share: number, noise: Random): SampleRecord[] {
  return difficulty(task, n).map((hard, doc) => {
    const right = hard + 0.08 * (noise.float() - 0.5) < share ? 1 : 0;
    const [context, target] = [`${doc} + 7 =`, String(doc + 7)];
    const generated = right ? ` ${target}` : ` ${doc + 8}`;
    return {
      doc_id: doc,
      prompt_hash: sha256(context),
      target_hash: sha256(target),
      context,
      target,
      generated,
      filtered: generated.trim(),
      exact_match: right,
    };
  });
}

function textSamples(task: string, n: number, bits: number, noise: Random): SampleRecord[] {
  return difficulty(task, n).map((hard, doc) => {
    const bytes = 40 + Math.floor(hard * 60);
    return {
      doc_id: doc,
      prompt_hash: sha256(`${task} ${doc}`),
      loglikelihood: -bytes * Math.LN2 * (bits + 0.2 * (hard - 0.5) + 0.03 * noise.normal()),
      tokens: Math.floor(bytes / 4),
      words: Math.floor(bytes / 5),
      bytes,
    };
  });
}

function meanScore(samples: SampleRecord[], metric: string) {
  const values = samples.map((s) => s[metric] as number);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { value: mean, stderr: Math.sqrt(squares / (values.length - 1) / values.length), n: values.length };
}

export function scoresOf(samples: Record<string, SampleRecord[]>): Scores {
  const scores: Scores = {};
  for (const [task, records] of Object.entries(samples)) {
    if (records[0] && 'loglikelihood' in records[0]) {
      const sum = (key: string) => records.reduce((total, r) => total + (r[key] as number), 0);
      const nats = -sum('loglikelihood');
      scores[task] = {
        bits_per_byte: { value: nats / sum('bytes') / Math.LN2, stderr: null, n: records.length },
        word_perplexity: { value: Math.exp(nats / sum('words')), stderr: null, n: records.length },
      };
    } else {
      const metrics = ['acc', 'acc_norm', 'exact_match'].filter((m) => records[0] && m in records[0]);
      scores[task] = Object.fromEntries(metrics.map((m) => [m, meanScore(records, m)]));
    }
  }
  return scores;
}

const steps = 32;
const training = (learningRate: number): ResolvedTraining => ({
  corpus: { hash: sha256('new facts'), kind: 'text', field: 'text' },
  replay: { corpus: { hash: sha256('general'), kind: 'text', field: 'text' }, share: 0.25 },
  steps,
  sequence: 64,
  batch: 16,
  micro_batch: 16,
  packing: 'document',
  learning_rate: learningRate,
  schedule: 'cosine',
  warmup: 0.05,
  betas: [0.9, 0.95],
  epsilon: 1e-8,
  weight_decay: 0,
  clip: 1,
  precision: 'float32',
  base_precision: 'float32',
});

function stepRecords(noise: Random, end: number): StepRecord[] {
  return Array.from({ length: steps }, (_, i) => ({
    step: i + 1,
    tokens: 1024 * (i + 1),
    loss: end + 3 * Math.exp(-i / 8) + 0.08 * noise.normal(),
    grad_norm: 1,
    lr: 3e-3,
    tokens_per_second: 8192,
    wall: (i + 1) / 8,
  }));
}

export function makeRun(arm: string, seed?: number): ComparedRun {
  const { surgery, trained, lora, learningRate = 3e-3, scores: levels } = arms[arm]!;
  const noise = random('noise', arm, seed ?? 0);
  const samples = {
    recall_new: choiceSamples('recall_new', 120, levels[0], noise),
    recall_old: choiceSamples('recall_old', 120, levels[1], noise),
    sums: sumSamples('sums', 80, levels[2], noise),
    'perplexity:general': textSamples('perplexity:general', 160, levels[3], noise),
  };
  const scores = scoresOf(samples);
  const layers = surgery.expand && !surgery.prune ? 10 : surgery.expand ? 9 : 8;
  const isTrained = trained === 'all' || trained.length > 0 || lora !== undefined;
  const curve: ScoreRecord[] = !isTrained
    ? []
    : [0, 16].flatMap((step) => [
        { step, task: 'recall_new', metric: 'acc', value: 0.3 + (step / 32) * (levels[0] - 0.3) },
        { step, task: 'recall_old', metric: 'acc', value: 0.99 - (step / 32) * (0.99 - levels[1]) },
      ]);
  const hash = sha256(`${arm} ${seed}`);
  return {
    run: {
      id: `shallow-${arm}-${seed ?? 0}-${hash.slice(0, 8)}`,
      folder: `/runs/shallow-${arm}-${seed ?? 0}-${hash.slice(0, 8)}`,
      spec: {
        engine_semantics: 1,
        model: sha256('base model'),
        surgery,
        trained: trained === 'all' ? Array.from({ length: layers }, (_, i) => weight(i)) : trained.map(weight),
        ...(lora && { lora }),
        ...(isTrained && { training: training(learningRate) }),
        ...(seed !== undefined && { seed }),
        device: 'cpu',
      },
      request: {
        attempt: 0,
        experiment: {
          file: '/home/her/shallow.strata.yaml',
          stem: 'shallow',
          title: 'Shallow expansion against its rivals',
        },
        arm,
        ...(seed !== undefined && { seed }),
        hash,
        sources: {
          model: '/home/her/base',
          corpus: ['/home/her/data/new-facts.jsonl'],
          replay: ['/home/her/data/general.jsonl'],
        },
        tasks: [],
        threads: 2,
        version: '0.1.0',
        asked: 0,
        order: 0,
        stages: ['surgery', 'train', 'evaluate'],
      },
      attempts: 1,
      place: { kind: 'local' },
      state: 'succeeded',
      scores,
    },
    steps: isTrained ? stepRecords(noise, 4 - 2 * levels[0]) : [],
    curve,
    samples,
    tensors: Object.fromEntries(
      Array.from({ length: layers }, (_, i) => {
        const role = trained === 'all' || trained.includes(i) ? ('trained' as const) : ('frozen' as const);
        const start = sha256(`start ${i}`);
        return [
          weight(i),
          { shape: [256, 96], dtype: 'F32', role, start, end: role === 'frozen' ? start : sha256(`end ${i}`) },
        ];
      }),
    ),
    ...(surgery.expand && { identity: { state: 'holds' as const, detail: 'logits of 64 tokens equal bit for bit' } }),
  };
}

/** The experiment with these seeds, complete. */
export function makeWorld(seeds: number[]): CompareInput {
  const names = Object.keys(arms);
  const runs = names.flatMap((arm) => (arm === 'base' ? [makeRun(arm)] : seeds.map((seed) => makeRun(arm, seed))));
  return {
    title: 'Shallow expansion against its rivals',
    file: 'shallow.strata.yaml',
    compare: {
      baseline: 'base',
      subject: 's',
      gain: { task: 'recall_new' },
      forgetting: [{ task: 'recall_old' }, { task: 'perplexity:general' }],
    },
    arms: names,
    planned: runs.map(({ run }) => ({
      id: run.id,
      arm: run.request.arm,
      seed: run.request.seed,
      tasks: ['recall_new', 'recall_old', 'sums', 'perplexity:general'],
    })),
    pending: [],
    runs,
    stale: [],
  };
}
