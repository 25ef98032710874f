/** Fields of lm-evaluation-harness's files that both reading and writing know (lm_eval 0.4, `evaluator.py`, `evaluation_tracker.py`). */

/** `results_<date>.json`, as far as it is used. */
export interface HarnessResults {
  results: Record<string, Record<string, unknown>>;
  /** Members of each group, which may be groups; `{}` without groups. */
  group_subtasks?: Record<string, string[]>;
  'n-samples'?: Record<string, { original?: number; effective?: number }>;
  config?: { model?: string; model_args?: unknown; model_sha?: string; device?: string | null };
  /** Seconds since the epoch. */
  date?: number;
  lm_eval_version?: string;
  git_hash?: string | null;
  model_name?: string;
  /** Written by Strata: which run it was. */
  strata?: { version: string; run: string; arm: string; seed?: number; hash: string };
}

/** One line of `samples_<task>_<date>.jsonl`: one document under one filter. */
export interface HarnessSample {
  doc_id: number;
  target: unknown;
  /** `{gen_args_0: {arg_0: context, arg_1: continuation or options}, …}`; a list of pairs before 0.4.2. */
  arguments: Record<string, Record<string, unknown>> | unknown[][];
  /** A list a request, one entry a repeat; log-likelihoods are `["-1.5", "False"]`. */
  resps: unknown[][];
  filtered_resps: unknown[];
  filter: string;
  metrics: string[];
  prompt_hash: string;
  target_hash: string;
  [metric: string]: unknown;
}

/** Filters whose results stand side by side, and what the metric's name gets behind it. */
export const filterSuffixes: Record<string, string> = { 'strict-match': '_strict', 'flexible-extract': '_flexible' };

/** Ratio metrics: the field of the denominator beside the log-likelihood in `[loglikelihood, count]`. */
export const ratioFields: Record<string, 'words' | 'bytes' | 'tokens'> = {
  word_perplexity: 'words',
  byte_perplexity: 'bytes',
  bits_per_byte: 'bytes',
  token_perplexity: 'tokens',
};

/** `acc` under `strict-match` is `acc_strict`; the only filter of a task leaves the name as it is. */
export function metricUnder(metric: string, filter: string): string {
  return `${metric}${filterSuffixes[filter] ?? ''}`;
}

/** The metric and filter that a name of ours is written as. */
export function filterOf(metric: string): { metric: string; filter: string } {
  for (const [filter, suffix] of Object.entries(filterSuffixes)) {
    if (metric.endsWith(suffix)) return { metric: metric.slice(0, -suffix.length), filter };
  }
  return { metric, filter: 'none' };
}

/** File names of the harness: dates have no underscore. */
export const resultsFile = /^results_([^_]+)\.json$/;
export const samplesFile = /^samples_(.+)_([^_]+)\.jsonl$/;

/** A task's name as it may stand in a file name. */
export const inFileName = (task: string): string => task.replace(/[^A-Za-z0-9_.-]/g, '.');
