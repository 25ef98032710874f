import type { ChatMessage, Tokenizer } from '../data/types.ts';

/** A question, and the answer it should get. */
export interface Turn {
  question: string;
  answer: string;
}

export interface PromptFormat {
  description: string;
  /** Between question and answer; unused in a chat, where roles separate them. */
  targetDelimiter: string;
  /** Behind every shot; unused in a chat. */
  shotDelimiter: string;
  /** Rendered with the tokenizer's chat template, each shot two turns. */
  chat: boolean;
}

/**
 * The text a model gets: `description ++ Σ(question ++ target_delimiter ++ answer ++ shot_delimiter) ++ question`, without
 * a delimiter at its end (lm_eval/api/task.py, `fewshot_context`). As a chat: description as system message, shots as
 * user and assistant turns, and the generation prompt.
 * Fails with `no-chat-template` if a chat is asked of a tokenizer without one.
 */
export function assemble(
  format: PromptFormat,
  shots: readonly Turn[],
  question: string,
  tokenizer: Pick<Tokenizer, 'renderChat'>,
): string {
  if (format.chat) return tokenizer.renderChat(conversation(format, shots, question), { addGenerationPrompt: true });
  const examples = shots.map((s) => s.question + format.targetDelimiter + s.answer + format.shotDelimiter);
  return format.description + examples.join('') + question;
}

/** What stands between the prompt and an answer that is scored. */
export function answerDelimiter(format: PromptFormat): string {
  return format.chat ? '' : format.targetDelimiter;
}

function conversation(format: PromptFormat, shots: readonly Turn[], question: string): ChatMessage[] {
  return [
    ...(format.description === '' ? [] : [{ role: 'system', content: format.description }]),
    ...shots.flatMap((s) => [
      { role: 'user', content: s.question },
      { role: 'assistant', content: s.answer },
    ]),
    { role: 'user', content: question },
  ];
}
