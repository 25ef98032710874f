import { sha256 } from '../base/hash.ts';
import type { ScoreRequest } from '../engine/types.ts';
import type { SampleRecord } from '../record/types.ts';
import type { ChoiceDocument } from './documents.ts';
import { createEncoder } from './encode.ts';
import { meanScore } from './metrics.ts';
import { answerDelimiter } from './prompt.ts';
import { ask, needTokenizer, type QuestionSet, truncationWarning } from './questions.ts';
import type { EvaluationTools, OnProgress, TaskResult } from './types.ts';

export interface ChoiceSet<D extends ChoiceDocument = ChoiceDocument> extends QuestionSet<D> {
  /** The metrics of one document, from the log-likelihoods of its choices. */
  judge(document: D, loglikelihoods: readonly number[]): Record<string, number>;
}

/** Scores every choice after its context and takes the likeliest (lm_eval/api/task.py, `multiple_choice`). */
export async function evaluateChoice<D extends ChoiceDocument>(
  set: ChoiceSet<D>,
  tools: EvaluationTools,
  onProgress: OnProgress,
): Promise<TaskResult> {
  const tokenizer = needTokenizer(set.task, tools.tokenizer);
  const encoder = createEncoder(tokenizer);
  const questions = ask(set, tokenizer);
  const delimiter = answerDelimiter(set.format);
  const requests: ScoreRequest[] = questions.flatMap(({ contexts, document }) =>
    document.choices.map((choice, i) => encoder.pair(contexts[i] ?? contexts[0]!, delimiter + choice)),
  );
  const results = await tools.scorer.score(requests, onProgress);

  let next = 0;
  const judged: Record<string, number[]> = {};
  const samples = questions.map(({ doc_id, document, context, contexts, prompt_hash }): SampleRecord => {
    const { choices, gold } = document;
    const scored = results.slice(next, next + choices.length);
    next += choices.length;
    const loglikelihoods = scored.map((r) => r.loglikelihood);
    const metrics = set.judge(document, loglikelihoods);
    for (const [metric, value] of Object.entries(metrics)) {
      judged[metric] ??= [];
      judged[metric].push(value);
    }
    return {
      doc_id,
      prompt_hash,
      target_hash: sha256(String(gold)),
      context,
      ...(contexts.length > 1 && { contexts }),
      continuations: choices.map((choice) => delimiter + choice),
      gold,
      loglikelihoods,
      is_greedy: scored.map((r) => r.isGreedy),
      truncated: Math.max(...scored.map((r) => r.truncated)),
      ...metrics,
    };
  });
  return {
    samples,
    scores: Object.fromEntries(Object.entries(judged).map(([metric, values]) => [metric, meanScore(values)])),
    warnings: truncationWarning(
      samples.map((s) => s['truncated'] as number),
      tools.scorer.model.config.maxPositions,
    ),
  };
}
