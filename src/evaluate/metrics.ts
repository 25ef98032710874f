import type { Scores } from '../record/types.ts';
import { codePoints, utf8Bytes } from '../tasks/python-text.ts';

export type Score = Scores[string][string];

/** Mean with its standard error, sample sd (n − 1) / √n; with one value or none there is no error. */
export function meanScore(values: readonly number[]): Score {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { value: mean, stderr: null, n };
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { value: mean, stderr: Math.sqrt(squares / (n - 1) / n), n };
}

/**
 * What a choice's log-likelihood is divided by before the choices are compared. `acc_norm` counts Unicode code points,
 * not bytes (lm_eval/api/task.py, `process_results`); the text is the choice without the delimiter before it.
 */
export const choiceMetrics = {
  acc: () => 1,
  acc_norm: codePoints,
  acc_bytes: utf8Bytes,
} satisfies Record<string, (choice: string) => number>;
export type ChoiceMetric = keyof typeof choiceMetrics;

/** 1 if the gold choice is the best one by this metric, else 0; the first of equals counts (numpy.argmax). */
export function choiceCorrect(
  metric: ChoiceMetric,
  loglikelihoods: readonly number[],
  choices: readonly string[],
  gold: number,
): 0 | 1 {
  return argmax(loglikelihoods.map((l, i) => l / choiceMetrics[metric](choices[i]!))) === gold ? 1 : 0;
}

/** All metrics of one document by what its choices are divided by. */
export function choiceScores(
  metrics: readonly ChoiceMetric[],
  loglikelihoods: readonly number[],
  choices: readonly string[],
  gold: number,
): Record<string, number> {
  return Object.fromEntries(metrics.map((m) => [m, choiceCorrect(m, loglikelihoods, choices, gold)]));
}

/** The share of probability that the true choices have together (lm_eval/tasks/truthfulqa/utils.py). */
export function trueShare(loglikelihoods: readonly number[], truths: readonly boolean[]): number {
  const best = Math.max(...loglikelihoods);
  const weights = loglikelihoods.map((l) => Math.exp(l - best));
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  return sum(weights.filter((_, i) => truths[i])) / sum(weights);
}

/**
 * Several tasks as one, every document counting alike: the mean weighted by size, and the pooled standard error
 * (lm_eval/api/metrics.py, `pooled_sample_stderr`).
 */
export function pooledScore(scores: readonly Score[]): Score {
  const n = scores.reduce((sum, s) => sum + s.n, 0);
  const value = scores.reduce((sum, s) => sum + s.value * s.n, 0) / n;
  if (n <= scores.length || scores.some((s) => s.stderr === null)) return { value, stderr: null, n };
  const squares = scores.reduce((sum, s) => sum + (s.n - 1) * s.stderr! ** 2 * s.n, 0);
  return { value, stderr: Math.sqrt(squares / (n - scores.length) / n), n };
}

export function argmax(values: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Sums over the documents of a perplexity task; `words` and `bytes` are undefined where there is no text. */
export interface Likelihood {
  loglikelihood: number;
  tokens: number;
  words?: number;
  bytes?: number;
}

/** Ratio metrics: what the negative log-likelihood is divided by, and what is made of the quotient. */
export const likelihoodMetrics = {
  bits_per_byte: { per: 'bytes', of: (nats: number) => nats / Math.LN2 },
  byte_perplexity: { per: 'bytes', of: Math.exp },
  word_perplexity: { per: 'words', of: Math.exp },
  token_perplexity: { per: 'tokens', of: Math.exp },
} satisfies Record<string, { per: 'bytes' | 'words' | 'tokens'; of: (nats: number) => number }>;

/**
 * The ratio metrics that are defined: per byte and word where there is text, per token only where there is none (the
 * others compare across tokenizers, that one does not). None has a standard error in closed form.
 */
export function likelihoodScores(documents: readonly Likelihood[]): Record<string, Score> {
  const sum = (key: keyof Likelihood) => documents.reduce((total, d) => total + (d[key] ?? Number.NaN), 0);
  const nats = -sum('loglikelihood');
  const isText = !Number.isNaN(sum('bytes'));
  const scores: Record<string, Score> = {};
  for (const [metric, { per, of }] of Object.entries(likelihoodMetrics)) {
    const units = sum(per);
    if ((per === 'tokens') !== isText && units > 0) {
      scores[metric] = { value: of(nats / units), stderr: null, n: documents.length };
    }
  }
  return scores;
}
