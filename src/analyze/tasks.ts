import { canonicalJson, sha256 } from '../base/hash.ts';
import { ForwardPasses, type ForwardPassesOptions } from '../engine/forward-passes.ts';
import { createGenerator } from '../engine/generator.ts';
import { createScorer } from '../engine/scorer.ts';
import type { Generator, ScoreRequest, ScoreResult, Scorer } from '../engine/types.ts';
import { evaluateTask } from '../evaluate/tasks.ts';
import type { EvaluationTools, TaskResult } from '../evaluate/types.ts';
import type { Model } from '../model/types.ts';
import type { TaskRequest } from '../plan/types.ts';
import { type Journal, openJournal } from './journal.ts';
import { scanLayers, type Variant, variants } from './scan.ts';

/** A task's results with the unchanged model and with each layer changed. */
export interface TaskMeasurement {
  base: TaskResult;
  /** [layers] */
  changed: Partial<Record<Variant, TaskResult[]>>;
}

export interface TaskTools extends Pick<EvaluationTools, 'tokenizer'> {
  model: Model;
  options: ForwardPassesOptions;
  journal: { folder: string | undefined; content: Record<string, unknown> };
  onProgress(done: number, total: number): void;
}

/** Evaluates a task with the model as it is and with each layer changed. Fails as `evaluateTask`. */
export async function measureTask(
  task: TaskRequest,
  wanted: readonly Variant[],
  tools: TaskTools,
): Promise<TaskMeasurement> {
  const requests = await requestsOf(task, tools);
  return requests ? measureScored(task, requests, wanted, tools) : measureGenerated(task, wanted, tools);
}

/** Thrown where a task begins to generate. */
class Generates extends Error {}

const unused = { update() {}, dispose: async () => {} };

const neverGenerates: Generator = {
  ...unused,
  generate: async () => {
    throw new Generates();
  },
};

function scorerOf(model: Model, score: Scorer['score']): Scorer {
  return {
    ...unused,
    model,
    score,
    likelihoods: score,
    logits: async () => {
      throw new Error('tasks take no logits');
    },
  };
}

/** What a task asks to be scored, in order; undefined for one that generates. */
async function requestsOf(task: TaskRequest, { model, tokenizer }: TaskTools): Promise<ScoreRequest[] | undefined> {
  const asked: ScoreRequest[] = [];
  const scorer = scorerOf(model, async (requests) => {
    asked.push(...requests);
    return requests.map(() => ({ loglikelihood: 0, isGreedy: false, tokens: 0, truncated: 0 }));
  });
  try {
    await evaluateTask(task, { scorer, generator: neverGenerates, tokenizer });
    return asked;
  } catch (error) {
    if (error instanceof Generates) return undefined;
    throw error;
  }
}

/** All changed models share the states of their beginnings; the task is then judged by the results that are there. */
async function measureScored(
  task: TaskRequest,
  requests: readonly ScoreRequest[],
  wanted: readonly Variant[],
  { model, tokenizer, options, journal: at, onProgress }: TaskTools,
): Promise<TaskMeasurement> {
  const journal = await openJournal(at.folder, { ...at.content, requests: sha256(canonicalJson(requests)) });
  const passes = new ForwardPasses(model, options);
  try {
    const scanned = await scanLayers({ passes, requests, variants: wanted, observers: [], journal, onProgress });
    const judge = (results: readonly ScoreResult[]) => {
      let next = 0;
      const scorer = scorerOf(model, async (part) => {
        next += part.length;
        return results.slice(next - part.length, next);
      });
      return evaluateTask(task, { scorer, generator: neverGenerates, tokenizer });
    };
    return collect(
      wanted,
      await judge(scanned.base),
      (variant, layer) => judge(scanned.changed[variant][layer]!),
      model,
    );
  } finally {
    await passes.dispose();
    journal.close();
  }
}

/** What is generated with a changed model shares nothing with others: each is evaluated by itself. */
async function measureGenerated(
  task: TaskRequest,
  wanted: readonly Variant[],
  { model, tokenizer, options, journal: at, onProgress }: TaskTools,
): Promise<TaskMeasurement> {
  const { layers } = model.config;
  const journal = await openJournal(at.folder, { ...at.content, task: task.spec });
  const total = 1 + wanted.length * layers;
  let done = 0;
  const evaluate = async (name: string, stack: readonly number[] | undefined) => {
    const scorer = await createScorer(model, { ...options, stack });
    const generator = await createGenerator(model, { ...options, stack });
    try {
      const noted = notedGenerator(generator, journal, name);
      return await evaluateTask(task, { scorer, generator: noted, tokenizer }, (part, of) =>
        onProgress(done + part / Math.max(1, of), total),
      );
    } finally {
      await scorer.dispose();
      await generator.dispose();
      done++;
    }
  };
  try {
    const base = await evaluate('base', undefined);
    return await collect(
      wanted,
      base,
      (variant, layer) => evaluate(`${variant} ${layer}`, variants[variant].whole(layer, layers)),
      model,
    );
  } finally {
    journal.close();
  }
}

async function collect(
  wanted: readonly Variant[],
  base: TaskResult,
  result: (variant: Variant, layer: number) => Promise<TaskResult>,
  { config }: Model,
): Promise<TaskMeasurement> {
  const changed: TaskMeasurement['changed'] = {};
  for (const variant of wanted) {
    changed[variant] = [];
    for (let layer = 0; layer < config.layers; layer++) changed[variant].push(await result(variant, layer));
  }
  return { base, changed };
}

/** A generator whose texts are noted: what was generated before is not generated again. */
function notedGenerator(generator: Generator, journal: Journal, name: string): Generator {
  return {
    ...unused,
    async generate(prompts, how, onProgress) {
      const { stop: _stop, ...options } = how;
      const key = `${name}/${sha256(canonicalJson({ prompts, options }))}`;
      const known = journal.find(key);
      if (known) return split(known, prompts.length);
      const ids = await generator.generate(prompts, how, onProgress);
      journal.note(key, Float64Array.from([...ids.map((own) => own.length), ...ids.flat()]));
      return ids;
    },
  };
}

/** Lengths, then all ids end to end. */
function split(values: Float64Array, count: number): number[][] {
  let at = count;
  return Array.from({ length: count }, (_, i) => {
    const from = at;
    at += values[i]!;
    return Array.from(values.subarray(from, at));
  });
}
