import { sha256 } from '../base/hash.ts';
import type { ScoreRequest } from '../engine/types.ts';
import type { SampleRecord } from '../record/types.ts';
import type { ChoiceDocument } from './documents.ts';
import { createEncoder } from './encode.ts';
import { type ChoiceMetric, choiceCorrect, meanScore } from './metrics.ts';
import { answerDelimiter } from './prompt.ts';
import { ask, needTokenizer, type QuestionSet, truncationWarning } from './questions.ts';
import type { EvaluationTools, OnProgress, TaskResult } from './types.ts';

export interface ChoiceSet extends QuestionSet<ChoiceDocument> {
  metrics: readonly ChoiceMetric[];
}

/** Scores every choice after its context and takes the likeliest (lm_eval/api/task.py, `multiple_choice`). */
export async function evaluateChoice(
  set: ChoiceSet,
  tools: EvaluationTools,
  onProgress: OnProgress,
): Promise<TaskResult> {
  const tokenizer = needTokenizer(set.task, tools.tokenizer);
  const encoder = createEncoder(tokenizer);
  const questions = ask(set, tokenizer);
  const delimiter = answerDelimiter(set.format);
  const requests: ScoreRequest[] = questions.flatMap(({ context, document }) =>
    document.choices.map((choice) => encoder.pair(context, delimiter + choice)),
  );
  const results = await tools.scorer.score(requests, onProgress);

  let next = 0;
  const truncated: number[] = [];
  const samples = questions.map(({ doc_id, document, context, prompt_hash }): SampleRecord => {
    const { choices, gold } = document;
    const scored = results.slice(next, next + choices.length);
    next += choices.length;
    truncated.push(Math.max(...scored.map((r) => r.truncated)));
    const loglikelihoods = scored.map((r) => r.loglikelihood);
    return {
      doc_id,
      prompt_hash,
      target_hash: sha256(String(gold)),
      context,
      continuations: choices.map((choice) => delimiter + choice),
      gold,
      loglikelihoods,
      is_greedy: scored.map((r) => r.isGreedy),
      ...Object.fromEntries(set.metrics.map((m) => [m, choiceCorrect(m, loglikelihoods, choices, gold)])),
    };
  });
  return {
    samples,
    scores: Object.fromEntries(set.metrics.map((m) => [m, meanScore(samples.map((s) => s[m] as number))])),
    warnings: truncationWarning(truncated, tools.scorer.model.config.maxPositions),
  };
}
