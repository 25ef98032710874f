import type { ScoreRequest } from '../engine/types.ts';
import type { SampleRecord } from '../record/types.ts';
import { type Likelihood, likelihoodScores } from './metrics.ts';
import type { EvaluationTools, OnProgress, TaskResult } from './types.ts';
import { rollingWindows } from './windows.ts';

/** One text (or token row) whose tokens are all predicted. */
export interface LikelihoodDocument {
  hash: string;
  /** What the first token is predicted from; it is not predicted itself. */
  prefix: number;
  tokens: readonly number[];
  /** Aligned with `tokens`: which of them count (all by default). The others are context. */
  scored?: readonly boolean[];
  /** Of the original text; absent where there is none. */
  words?: number;
  bytes?: number;
}

/** `doc_id` of each document, and the documents in order. */
export interface LikelihoodSet {
  task: string;
  documents: readonly { doc_id: number; document: LikelihoodDocument }[];
}

/** Log-likelihoods of whole documents in rolling windows, each document for itself (lm_eval, `loglikelihood_rolling`). */
export async function evaluateLikelihood(
  set: LikelihoodSet,
  tools: EvaluationTools,
  onProgress: OnProgress,
): Promise<TaskResult> {
  const { maxPositions } = tools.scorer.model.config;
  const windows = set.documents.map(({ document }) => windowsOf(document, maxPositions));
  const results = await tools.scorer.likelihoods(windows.flat(), onProgress);

  let next = 0;
  const likelihoods: Likelihood[] = [];
  const samples = set.documents.map(({ doc_id, document }, i): SampleRecord => {
    const own = results.slice(next, next + windows[i]!.length);
    next += own.length;
    const likelihood: Likelihood = {
      loglikelihood: own.reduce((sum, r) => sum + r.loglikelihood, 0),
      tokens: own.reduce((sum, r) => sum + r.tokens, 0),
      words: document.words,
      bytes: document.bytes,
    };
    likelihoods.push(likelihood);
    return { doc_id, prompt_hash: document.hash, ...likelihood };
  });
  return { samples, scores: likelihoodScores(likelihoods), warnings: [] };
}

function windowsOf({ prefix, tokens, scored }: LikelihoodDocument, maxPositions: number): ScoreRequest[] {
  const windows = rollingWindows(prefix, tokens, maxPositions);
  if (!scored) return windows;
  let done = 0;
  return windows
    .map((window) => {
      const start = done;
      done += window.continuation.length;
      return { ...window, scored: scored.slice(start, done) };
    })
    .filter((window) => window.scored.some(Boolean));
}
