import { Template } from '@huggingface/jinja';
import { fail } from '../base/problem.ts';
import type { ChatMessage } from './types.ts';

/** Special tokens as a template sees them: `bos_token`, `eos_token`, … */
export type SpecialTokens = Record<string, string>;

export interface ChatTemplate {
  render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string;
  /** The template's text, where it stands, and what it is told of special tokens. */
  source: string;
  place: string;
  specialTokens: SpecialTokens;
}

/** A template ready to render; throws `Failure` `chat-template-broken` if it cannot be parsed, at `place`. */
export function chatTemplate(source: string, specialTokens: SpecialTokens, place: string): ChatTemplate {
  const template = parse(source, place);
  return {
    source,
    place,
    specialTokens,
    render(messages, addGenerationPrompt) {
      try {
        return template.render({
          ...specialTokens,
          messages: messages.map((m) => ({ ...m })),
          // As transformers' apply_chat_template passes them: templates test these for being null.
          tools: null,
          documents: null,
          add_generation_prompt: addGenerationPrompt,
        });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        fail('chat-refused', `The chat template refuses this conversation: ${why}`, {
          place,
          remedy: 'Check roles and their order in the messages.',
        });
      }
    },
  };
}

function parse(source: string, place: string): Template {
  try {
    return new Template(source);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    fail('chat-template-broken', `The chat template cannot be parsed: ${why}`, {
      place,
      remedy: 'Use a template that transformers can render.',
    });
  }
}

/** The template named `default` (or the only one) of tokenizer_config.json's `chat_template`, or undefined. */
export function defaultTemplate(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const named = value as { name?: unknown; template?: unknown }[];
  const chosen = named.find((t) => t.name === 'default') ?? named[0];
  return typeof chosen?.template === 'string' ? chosen.template : undefined;
}

/** Whether a value of a record is a conversation: a list of {role, content}, both strings. */
export function isConversation(value: unknown): value is ChatMessage[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((m: Partial<ChatMessage> | null) => typeof m?.role === 'string' && typeof m.content === 'string')
  );
}
