import { fail } from '../base/problem.ts';
import { type ChatTemplate, chatTemplate } from './chat.ts';
import type { ChatMessage, TokenDocument, Tokenizer } from './types.ts';

/** Half-open range of code units in a rendered conversation. */
interface Span {
  start: number;
  end: number;
}

/** Private-use characters that stand for the beginning and end of a `{% generation %}` block while spans are looked for. */
const openMark = '\uE0F0';
const closeMark = '\uE0F1';

/**
 * Turns conversations into tokens with labels on the assistant's turns only: its text and the token that ends it, as the
 * template writes them; everything else is −100. What the assistant wrote is what the template marks with `{% generation %}`
 * (as transformers' `return_assistant_tokens_mask`), else what a turn adds to the rendered text behind the generation prompt.
 * A token that straddles a border belongs to the assistant, as there. No BOS or EOS is added: the template has written them.
 *
 * @returns a function from a conversation to its document; it fails with `chat-spans-unclear`, `no-assistant-turn`,
 *   `chat-refused`, at the document's place
 */
export function chatEncoder(tokenizer: Tokenizer): (messages: ChatMessage[], place: string) => TokenDocument {
  const template = tokenizer.chatTemplate;
  if (!template)
    return () =>
      fail('no-chat-template', 'The corpus is chat, but this tokenizer has no chat template.', {
        remedy: 'Use a chat model, or put a chat_template.jinja beside its tokenizer.json.',
      });
  const spansOf = template.source.search(generationTag) >= 0 ? markedSpans(template) : prefixSpans(template);
  return (messages, place) => {
    if (!messages.some((m) => m.role === 'assistant'))
      fail('no-assistant-turn', 'The conversation has no assistant turn, so there is nothing to learn.', {
        place,
        remedy: 'Remove it, or name the roles user and assistant.',
      });
    const text = template.render(messages, false);
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    const labels = new Array<number>(ids.length).fill(-100);
    const bounds = boundaries(tokenizer, text, ids, place);
    for (const span of spansOf(messages, text, place)) {
      const { from, to } = bounds(span);
      for (let i = from; i < to; i++) labels[i] = ids[i]!;
    }
    return { ids, labels };
  };
}

const generationTag = /\{%(-?)\s*generation\s*(-?)%\}\n?/g;
/** With the blanks before it on its line, which a block tag swallows and an expression would not. */
const endTag = /((?:^|\n)[ \t]*)?\{%(-?)\s*endgeneration\s*(-?)%\}/g;

type Spans = (messages: ChatMessage[], text: string, place: string) => Span[];

/** Spans by a second template that writes marks where the generation blocks begin and end. */
function markedSpans(template: ChatTemplate): Spans {
  // The tags keep their white-space control; the mark stands on the inner side of each.
  const source = template.source
    .replace(generationTag, (_, left, right) => `{%${left} generation %}{{ "${openMark}" ${right}}}`)
    .replace(endTag, (_, lineStart: string | undefined, left, right) => {
      const newline = lineStart?.startsWith('\n') ? '\n' : '';
      return `${newline}{{${left} "${closeMark}" }}{% endgeneration ${right}%}`;
    });
  const marked = chatTemplate(source, template.specialTokens, template.place);
  return (messages, text, place) => {
    const spans: Span[] = [];
    let plain = '';
    let start = 0;
    for (const character of marked.render(messages, false)) {
      if (character === openMark) start = plain.length;
      else if (character === closeMark) spans.push({ start, end: plain.length });
      else plain += character;
    }
    if (plain !== text) unclear(place);
    return spans;
  };
}

/** Spans by rendering: turn i is what the text up to it adds to the text before it with the generation prompt. */
function prefixSpans(template: ChatTemplate): Spans {
  return (messages, text, place) =>
    messages.flatMap((message, i) => {
      if (message.role !== 'assistant') return [];
      const before = template.render(messages.slice(0, i), true);
      const after = template.render(messages.slice(0, i + 1), false);
      if (!after.startsWith(before) || !text.startsWith(after)) unclear(place);
      return [{ start: before.length, end: after.length }];
    });
}

function unclear(place: string): never {
  fail('chat-spans-unclear', "The chat template does not show where the assistant's turns begin and end.", {
    place,
    remedy: 'Mark them in the template with {% generation %} … {% endgeneration %}.',
  });
}

/** Which tokens hold the characters of a span. */
function boundaries(tokenizer: Tokenizer, text: string, ids: readonly number[], place: string) {
  /** Tokens that end at or before `offset` if a token ends there, else undefined. */
  const exact = (offset: number): number | undefined => {
    const head = tokenizer.encode(text.slice(0, offset), { addSpecialTokens: false });
    return head.length <= ids.length && head.every((id, i) => id === ids[i]) ? head.length : undefined;
  };
  /** The number of leading tokens whose text is the first to reach beyond `offset` characters. */
  const reaching = (offset: number): number => {
    for (let n = 1; n <= ids.length; n++) {
      const head = tokenizer.decode(ids.slice(0, n));
      if (head.length > offset && text.startsWith(head)) return n;
    }
    return unclear(place);
  };
  return ({ start, end }: Span): { from: number; to: number } => {
    if (start === end) return { from: 0, to: 0 };
    return { from: exact(start) ?? reaching(start) - 1, to: exact(end) ?? reaching(end - 1) };
  };
}
