import { canonicalJson, sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import type { Tokenizer } from '../data/types.ts';
import { type Selection, selectDocuments } from '../tasks/selection.ts';
import { assemble, type PromptFormat, type Turn } from './prompt.ts';
import { type ShotRule, shotDrawer } from './shots.ts';

/** Documents that are asked one by one, with shots before them: what choice and generate tasks have in common. */
export interface QuestionSet<D> {
  task: string;
  /** All documents of the evaluated split; `doc_id` is the index here. */
  documents: readonly D[];
  selection: Selection;
  /** Where shots are drawn from. */
  pool: readonly D[];
  shots: ShotRule;
  format: PromptFormat;
  /** A document as a question with its answer, for the prompt. */
  turn(document: D): Turn;
  /** Where a document is asked in several ways at once (winogrande): all its questions. */
  variants?(document: D): readonly string[] | undefined;
}

export interface Question<D> {
  doc_id: number;
  document: D;
  /** The whole prompt; the first of them where there are several. */
  context: string;
  contexts: string[];
  prompt_hash: string;
}

/** The prompts of the selected documents, in document order. */
export function ask<D>(set: QuestionSet<D>, tokenizer: Tokenizer): Question<D>[] {
  if (set.format.chat && !tokenizer.hasChatTemplate) {
    fail('no-chat-template', `The task ${set.task} asks for a chat, but the tokenizer has no chat template.`, {
      remedy: 'Remove chat: true, or use a model with a chat template.',
    });
  }
  const keys = new Map<D, string>();
  const key = (document: D) => {
    const known = keys.get(document) ?? canonicalJson(document);
    keys.set(document, known);
    return known;
  };
  const draw = shotDrawer(set.task, set.pool, set.shots, (a, b) => a === b || key(a) === key(b));
  return selectDocuments(set.task, set.documents.length, set.selection).map((doc_id) => {
    const document = set.documents[doc_id]!;
    const shots = draw(document).map(set.turn);
    const asked = set.variants?.(document) ?? [set.turn(document).question];
    const contexts = asked.map((question) => assemble(set.format, shots, question, tokenizer));
    return { doc_id, document, context: contexts[0]!, contexts, prompt_hash: sha256(contexts[0]!) };
  });
}

/** The tokenizer, or the failure `tokenizer-missing`. */
export function needTokenizer(task: string, tokenizer: Tokenizer | undefined): Tokenizer {
  if (tokenizer) return tokenizer;
  return fail('tokenizer-missing', `The task ${task} is made of text, but the model has no tokenizer.json.`, {
    remedy: 'Put the tokenizer beside the model, or evaluate perplexity on token rows.',
  });
}

/** The sentence about contexts that were cut off at the left, or none. */
export function truncationWarning(truncated: readonly number[], positions: number): string[] {
  const cut = truncated.filter((n) => n > 0);
  if (cut.length === 0) return [];
  return [
    `${cut.length} of ${truncated.length} documents do not fit the model's ${positions} positions; up to ${Math.max(...cut)} tokens were cut off at the left.`,
  ];
}
