import { canonicalJson, sha256 } from '../base/hash.ts';
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

export interface GenerateSet extends QuestionSet<GenerateDocument> {
  maxTokens: number;
  /** The text ends before the first of these. */
  stop: readonly string[];
  graders: readonly Grader[];
}

/** Continues every prompt greedily up to a stop string and grades the text (lm_eval, `generate_until`). */
export async function evaluateGenerate(
  set: GenerateSet,
  tools: EvaluationTools,
  patterns: PatternRunner,
  onProgress: OnProgress,
): Promise<TaskResult> {
  const tokenizer = needTokenizer(set.task, tools.tokenizer);
  const encoder = createEncoder(tokenizer);
  const questions = ask(set, tokenizer);
  const { config } = tools.scorer.model;
  const prompts = questions.map(({ context }) => {
    const ids = encoder.encode(context);
    return ids.length > 0 ? ids : [encoder.prefixId];
  });
  const text = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: true });
  const outputs = await tools.generator.generate(
    prompts,
    {
      maxTokens: set.maxTokens,
      endIds: [...new Set([...config.eosTokenIds, ...(tokenizer.eosId === undefined ? [] : [tokenizer.eosId])])],
      stop: (ids) => includesAny(text(ids), set.stop),
    },
    onProgress,
  );

  const samples: SampleRecord[] = [];
  for (const [i, { doc_id, document, context, prompt_hash }] of questions.entries()) {
    const generated = cutAt(text(outputs[i]!), set.stop);
    const [target] = document.answers;
    const graded = await grade(set.graders, generated, document.answers, patterns);
    samples.push({
      doc_id,
      prompt_hash,
      target_hash: sha256(document.answers.length === 1 ? target! : canonicalJson(document.answers)),
      context,
      target: document.answers.length === 1 ? target : document.answers,
      generated,
      ...graded,
    });
  }
  const room = config.maxPositions - set.maxTokens;
  return {
    samples,
    scores: Object.fromEntries(
      set.graders.map(({ metric }) => [metric, meanScore(samples.map((s) => s[metric] as number))]),
    ),
    warnings: truncationWarning(
      prompts.map((p) => p.length - room),
      config.maxPositions,
    ),
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
