import type { TaskSpec } from '../experiment/types.ts';
import type { TaskRequest } from '../plan/types.ts';
import { type Selection, selectDocuments } from '../tasks/selection.ts';
import { evaluateBenchmark } from './benchmark.ts';
import { evaluateChoice } from './choice.ts';
import { likelihoodDocuments } from './corpus.ts';
import { choiceRecord, generateRecord, readRecords } from './documents.ts';
import { createPatternRunner } from './extract.ts';
import { evaluateGenerate, type Grader, matchers } from './generate.ts';
import { type ChoiceMetric, choiceMetrics, choiceScores } from './metrics.ts';
import { evaluateLikelihood } from './perplexity.ts';
import type { PromptFormat } from './prompt.ts';
import type { ShotRule } from './shots.ts';
import type { EvaluationTools, OnProgress, TaskResult } from './types.ts';

type Kind = TaskSpec['kind'];
type RequestOf<K extends Kind> = TaskRequest & { spec: Extract<TaskSpec, { kind: K }> };

/** One kind of task: reads the request's files, asks the model, returns records and scores. */
type Evaluate<K extends Kind> = (
  task: RequestOf<K>,
  tools: EvaluationTools,
  selection: Selection,
  onProgress: OnProgress,
) => Promise<TaskResult>;

/** Every kind of task there is. */
const kinds: { [K in Kind]: Evaluate<K> } = {
  async choice(task, tools, selection, onProgress) {
    const documents = await readRecords(task.files, choiceRecord);
    const set = {
      ...ownTask(task, selection),
      documents,
      pool: await shotPool(task, documents, choiceRecord),
      turn: (d: (typeof documents)[number]) => ({ question: d.context, answer: d.choices[d.gold]! }),
      judge: ({ choices, gold }: (typeof documents)[number], loglikelihoods: readonly number[]) =>
        choiceScores(Object.keys(choiceMetrics) as ChoiceMetric[], loglikelihoods, choices, gold),
    };
    return evaluateChoice(set, tools, onProgress);
  },

  async generate(task, tools, selection, onProgress) {
    const { spec } = task;
    const documents = await readRecords(task.files, generateRecord);
    const grader: Grader = {
      metric: 'exact_match',
      filter: async (text, patterns) => (spec.extract ? patterns.extract(spec.extract, text) : text),
      correct: matchers[spec.match],
    };
    const set = {
      ...ownTask(task, selection),
      documents,
      pool: await shotPool(task, documents, generateRecord),
      turn: (d: (typeof documents)[number]) => ({ question: d.context, answer: d.answers[0]! }),
      maxTokens: spec.max_tokens,
      stop: spec.stop,
      graders: [grader],
    };
    const patterns = createPatternRunner();
    try {
      return await evaluateGenerate(set, tools, patterns, onProgress);
    } finally {
      await patterns.close();
    }
  },

  async perplexity(task, tools, selection, onProgress) {
    const all = await likelihoodDocuments(task, tools.tokenizer);
    const documents = selectDocuments(task.name, all.length, selection).map((doc_id) => ({
      doc_id,
      document: all[doc_id]!,
    }));
    return evaluateLikelihood({ task: task.name, documents }, tools, onProgress);
  },

  benchmark: (task, tools, selection, onProgress) => evaluateBenchmark(task, tools, selection, onProgress),
};

/**
 * Evaluates one task: `{scores, samples, warnings}`. `selection` picks documents by index, and the few-shot generator then
 * starts at the first of them; its limit stands in for the task's own. `onProgress` counts requests.
 * Fails with `invalid-record`, `invalid-shots`, `invalid-task`, `tokenizer-missing`, `no-chat-template`,
 * `pattern-timeout`, `unknown-document`, `sandbox-missing`.
 */
export function evaluateTask(
  task: TaskRequest,
  tools: EvaluationTools,
  onProgress: OnProgress = () => {},
  selection: Selection = {},
): Promise<TaskResult> {
  // The table's row and the spec have the same kind; TypeScript cannot follow that through the lookup.
  const evaluate = kinds[task.spec.kind] as Evaluate<Kind>;
  const limit = selection.limit ?? ('limit' in task.spec ? task.spec.limit : undefined);
  return evaluate(task as RequestOf<Kind>, tools, { documents: selection.documents, limit }, onProgress);
}

/** What own tasks of both kinds share: format, shots and the documents chosen. */
function ownTask(task: RequestOf<'choice' | 'generate'>, selection: Selection) {
  const { spec } = task;
  const format: PromptFormat = {
    description: spec.description ?? '',
    targetDelimiter: spec.target_delimiter,
    shotDelimiter: spec.shot_delimiter,
    chat: spec.chat,
  };
  const shots: ShotRule = { count: spec.shots, sampler: spec.sampler, ownSplit: usesOwnFiles(task) };
  return { task: task.name, selection, format, shots };
}

/** Shots come from the evaluated files themselves, whether that was written or not. */
function usesOwnFiles({ files, shotFiles }: TaskRequest): boolean {
  return !shotFiles || (shotFiles.length === files.length && shotFiles.every((f, i) => f === files[i]));
}

async function shotPool<T>(
  task: RequestOf<'choice' | 'generate'>,
  documents: readonly T[],
  rule: Parameters<typeof readRecords<T>>[1],
): Promise<readonly T[]> {
  if (task.spec.shots === 0 || usesOwnFiles(task)) return documents;
  return readRecords(task.shotFiles ?? [], rule);
}
