import { canonicalJson, sha256 } from '../base/hash.ts';
import type { Tokenizer } from '../data/types.ts';
import type { GenerateOptions } from '../engine/types.ts';
import type { SampleRecord } from '../record/types.ts';
import type { GenerateDocument } from './documents.ts';
import { createEncoder } from './encode.ts';
import { invalid, type PatternRunner } from './extract.ts';
import { meanScore } from './metrics.ts';
import { ask, needTokenizer, type QuestionSet, truncationWarning } from './questions.ts';
import type { EvaluationTools, OnProgress, TaskResult } from './types.ts';

/** How a generated text is judged; a task may have several graders (gsm8k: strict and flexible). */
export interface Grader {
  metric: string;
  /** Key of `filtered` in the sample; without one, `filtered` is the text itself. */
  label?: string;
  /** The answer in the generated text, or undefined. */
  filter(generated: string, patterns: PatternRunner): Promise<string | undefined>;
  correct(filtered: string, answers: readonly string[], patterns: PatternRunner): Promise<boolean>;
}

/** How texts are generated. */
export interface Generation {
  maxTokens: number;
  /** The text ends before the first of these. */
  stop: readonly string[];
}

export interface GenerateSet<D extends GenerateDocument = GenerateDocument> extends QuestionSet<D>, Generation {
  graders: readonly Grader[];
}

/** Continues every prompt greedily up to a stop string and grades the text (lm_eval, `generate_until`). */
export async function evaluateGenerate<D extends GenerateDocument>(
  set: GenerateSet<D>,
  tools: EvaluationTools,
  patterns: PatternRunner,
  onProgress: OnProgress,
): Promise<TaskResult> {
  const tokenizer = needTokenizer(set.task, tools.tokenizer);
  const questions = ask(set, tokenizer);
  const contexts = questions.map((q) => q.context);
  const { texts, truncated } = await generateTexts(contexts, set, tokenizer, tools, onProgress);

  const samples: SampleRecord[] = [];
  for (const [i, { doc_id, document, context, prompt_hash }] of questions.entries()) {
    const generated = texts[i]!;
    const [target] = document.answers;
    const graded = await grade(set.graders, generated, document.answers, patterns);
    samples.push({
      doc_id,
      prompt_hash,
      target_hash: sha256(document.answers.length === 1 ? target! : canonicalJson(document.answers)),
      context,
      target: document.answers.length === 1 ? target : document.answers,
      generated,
      truncated: truncated[i]!,
      ...graded,
    });
  }
  return {
    samples,
    scores: Object.fromEntries(
      set.graders.map(({ metric }) => [metric, meanScore(samples.map((s) => s[metric] as number))]),
    ),
    warnings: truncationWarning(truncated, tools.scorer.model.config.maxPositions),
  };
}

/**
 * Continues every prompt: the text before the first stop string, and how many tokens of the prompt were cut off at the left
 * so that `maxTokens` more fit the model's positions.
 */
export async function generateTexts(
  contexts: readonly string[],
  { maxTokens, stop }: Generation,
  tokenizer: Tokenizer,
  { scorer, generator }: EvaluationTools,
  onProgress: OnProgress,
  sampling: Pick<GenerateOptions, 'temperature' | 'topP' | 'seed'> = {},
): Promise<{ texts: string[]; truncated: number[] }> {
  const encoder = createEncoder(tokenizer);
  const { config } = scorer.model;
  const prompts = contexts.map((context) => {
    const ids = encoder.encode(context);
    return ids.length > 0 ? ids : [encoder.prefixId];
  });
  const text = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: true });
  const endIds = [...new Set([...config.eosTokenIds, ...(tokenizer.eosId === undefined ? [] : [tokenizer.eosId])])];
  const outputs = await generator.generate(
    prompts,
    { maxTokens, endIds, stop: (ids) => includesAny(text(ids), stop), ...sampling },
    onProgress,
  );
  const room = config.maxPositions - maxTokens;
  return {
    texts: outputs.map((ids) => cutAt(text(ids), stop)),
    truncated: prompts.map((p) => Math.max(0, p.length - room)),
  };
}

async function grade(
  graders: readonly Grader[],
  generated: string,
  answers: readonly string[],
  patterns: PatternRunner,
): Promise<Record<string, unknown>> {
  const metrics: Record<string, number> = {};
  const labelled: Record<string, string> = {};
  let plain: string | undefined;
  for (const grader of graders) {
    const found = await grader.filter(generated, patterns);
    const filtered = found ?? invalid;
    metrics[grader.metric] = found !== undefined && (await grader.correct(found, answers, patterns)) ? 1 : 0;
    if (grader.label === undefined) plain = filtered;
    else labelled[grader.label] = filtered;
  }
  return { filtered: plain ?? labelled, ...metrics };
}

function includesAny(text: string, stop: readonly string[]): boolean {
  return stop.some((s) => s !== '' && text.includes(s));
}

/** The text before each stop string in turn. */
export function cutAt(text: string, stop: readonly string[]): string {
  return stop.reduce((rest, s) => (s === '' ? rest : rest.split(s, 1)[0]!), text);
}

/** How an own task compares what was found with its answers; whitespace around both is not looked at. */
export const matchers = {
  /** One of the answers, letter for letter. */
  exact: async (filtered, answers) => answers.some((a) => a.trim() === filtered.trim()),
  /** One of the answers, as a regular expression, matches somewhere in it. */
  regex: async (filtered, answers, patterns) => {
    for (const answer of answers) if (await patterns.matches(answer, filtered)) return true;
    return false;
  },
} satisfies Record<string, Grader['correct']>;
