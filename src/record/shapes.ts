import {
  type Guard,
  isArrayOf,
  isBoolean,
  isNumber,
  isObject,
  isOneOf,
  isRecord,
  isRecordOf,
  isString,
  optional,
} from '../base/guards.ts';
import { states } from './state.ts';

/** A measurement: JSON writes a number that is not finite as null. `measured` reads it back. */
const isMeasured: Guard<number | null> = (v): v is number | null => v === null || typeof v === 'number';
const isAnything: Guard<Record<string, unknown>> = isRecord as Guard<Record<string, unknown>>;
/** Milliseconds since the epoch, as far as dates go (ECMAScript, Time Values). */
const isTime: Guard<number> = (v): v is number => isNumber(v) && Math.abs(v) <= 8.64e15;
const isNumbers = isArrayOf(isNumber);
const isTexts = isArrayOf(isString);

export const measured = (value: number | null): number => value ?? Number.NaN;

const isProcess = isObject({ host: isString, boot: isString, pid: isNumber, start: isString });
const isState: Guard<string> = (v): v is string => isString(v) && Object.hasOwn(states, v);
const isProblem = isObject({
  code: isString,
  message: isString,
  place: optional(isString),
  remedy: optional(isString),
});
const isCorpus = isObject({ hash: isString, kind: isString });
const isTask = isObject({ name: isString, hash: isString, files: isTexts });

/**
 * What the records of a run directory hold, as far as the program relies on it; the names are those of `layout`. Strata writes
 * them whole, so what does not fit was changed by somebody, or a disk lost it.
 */
const records: [name: RegExp, fits: Guard<unknown>][] = [
  [
    /^spec\.json$/,
    isObject({
      engine_semantics: isNumber,
      model: isString,
      surgery: isAnything,
      trained: isTexts,
      device: isString,
      seed: optional(isNumber),
      parent: optional(isString),
      lora: optional(isObject({ rank: isNumber, alpha: isNumber, weights: isTexts })),
      training: optional(isObject({ steps: isNumber, batch: isNumber, sequence: isNumber, corpus: isCorpus })),
      analysis: optional(isObject({ metrics: isTexts, tokens: isNumber, corpora: isArrayOf(isAnything) })),
    }),
  ],
  [
    /^request\.\d+\.json$/,
    isObject({
      attempt: isNumber,
      experiment: isObject({ file: isString, stem: isString, title: optional(isString) }),
      arm: isString,
      seed: optional(isNumber),
      hash: isString,
      sources: isObject({ model: isString }),
      tasks: isArrayOf(isTask),
      every: optional(isNumber),
      parent: optional(isString),
      threads: isNumber,
      version: isString,
      asked: isTime,
      order: isNumber,
      stages: isTexts,
    }),
  ],
  [/^place\.json$/, isObject({ kind: isOneOf('local', 'ssh', 'slurm'), host: optional(isString) })],
  [/^claim\.\d+$/, isObject({ cookie: isString, supervisor: isProcess, time: isTime })],
  [/^proc\.\d+\.json$/, isObject({ worker: isProcess, time: isTime })],
  [/^cancel\.\d+\.json$/, isObject({ grace_ms: isNumber, time: isTime })],
  [
    /^result\.\d+\.json$/,
    isObject({ state: isOneOf('succeeded', 'failed', 'checkpointed'), problem: optional(isProblem), time: isTime }),
  ],
  [
    /^exit\.\d+\.json$/,
    isObject({
      outcome: isOneOf('succeeded', 'failed', 'canceled', 'skipped', 'preempted'),
      reason: optional(isString),
      by: isString,
      time: isTime,
    }),
  ],
  [
    /^slurm\.\d+\.json$/,
    isObject({
      array: isString,
      job: isString,
      index: isNumber,
      restart: optional(isNumber),
      node: optional(isString),
    }),
  ],
  [
    /^mirror\.json$/,
    isObject({
      created: isTime,
      attempts: optional(isNumber),
      state: isState,
      reason: optional(isString),
      heard: isTime,
      complete: isBoolean,
    }),
  ],
  [
    /^contact\.json$/,
    isObject({ reached: isBoolean, since: isTime, reason: optional(isString), code: optional(isString) }),
  ],
  [/^scores\.json$/, isScores],
  [/^evaluated\.json$/, isRecordOf(isString)],
  [
    /^tensors\.json$/,
    isRecordOf(
      isObject({
        shape: isNumbers,
        dtype: isString,
        role: isOneOf('trained', 'frozen'),
        start: isString,
        end: isString,
      }),
    ),
  ],
  [/^start\.json$/, isRecordOf(isString)],
  [/^importance\.json$/, isImportance],
];

/** Names of tasks are names of files. */
function isScores(value: unknown): value is unknown {
  const ofMetrics = isRecordOf(isObject({ value: isMeasured, stderr: isMeasured, n: isNumber }));
  return isRecordOf(ofMetrics)(value) && Object.keys(value).every((task) => /^[A-Za-z0-9][\w.:-]*$/.test(task));
}

const isInterval: Guard<unknown> = (v): v is unknown => v === null || (isArrayOf(isMeasured)(v) && v.length === 2);

/** One value a layer, whatever is listed. */
function isImportance(value: unknown): value is unknown {
  const head = isObject({ layers: isNumber, documents: isNumber, tokens: isNumber, nll: isMeasured, corpus: isString });
  if (!head(value)) return false;
  const perLayer = <T>(item: Guard<T>): Guard<T[]> =>
    ((v: unknown) => isArrayOf(item)(v) && v.length === value.layers) as Guard<T[]>;
  const values = perLayer(isMeasured);
  return isObject({
    model: isString,
    metrics: isRecordOf(values),
    intervals: isRecordOf(perLayer(isInterval)),
    blocks: optional(isArrayOf(isArrayOf(isMeasured))),
    attention: optional(
      isRecordOf(isObject({ tokens: isNumber, entropy: values, first_token: values, distance: values })),
    ),
    tasks: optional(
      isRecordOf(
        isObject({
          metric: isString,
          documents: isNumber,
          base: isMeasured,
          drops: isRecordOf(values),
          intervals: isRecordOf(perLayer(isInterval)),
        }),
      ),
    ),
  })(value);
}

/** Whether a record that was read under this name of `layout` is one; names that are not listed are not looked at. */
export function fits(name: string, value: unknown): boolean {
  return records.every(([pattern, guard]) => !pattern.test(name) || guard(value));
}

const isStage = isOneOf('surgery', 'train', 'evaluate', 'analyze');

/** Events by their type; one that a later version writes is passed over by those who read. */
const events: Record<string, Guard<unknown>> = {
  stage: isObject({ stage: isStage, state: isOneOf('started', 'ended') }),
  progress: isObject({ stage: isStage, label: isString, done: isNumber, total: isNumber }),
  checkpoint: isObject({ step: isNumber }),
  kept: isObject({ task: isString, step: isNumber, metric: isString, value: isMeasured }),
  proof: isObject({ proof: isString, state: isOneOf('holds', 'broken', 'not-applicable'), detail: isString }),
  warning: isObject({ message: isString }),
};

export const isEvent: Guard<{ time: number; type: string }> = (v): v is { time: number; type: string } =>
  isObject({ time: isTime, type: isString })(v) && (!Object.hasOwn(events, v.type) || events[v.type]!(v));

const isStep = isObject({
  step: isNumber,
  tokens: isNumber,
  loss: isMeasured,
  divergence: optional(isMeasured),
  grad_norm: isMeasured,
  lr: isNumber,
  tokens_per_second: isMeasured,
  wall: isNumber,
});
const isScore = isObject({ step: isNumber, task: isString, metric: isString, value: isMeasured });
const isUpdate = isObject({ step: isNumber, update_ratio: isRecordOf(isMeasured) });

/** A line of `metrics.N.jsonl`. */
export const isMetric = (v: unknown): boolean => isScore(v) || isUpdate(v) || isStep(v);
/** A line of `samples/<task>.jsonl`. */
export const isSample = isObject({ doc_id: isNumber, prompt_hash: isString, target_hash: optional(isString) });
