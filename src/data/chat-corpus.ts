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

/**
 * Spans by rendering: turn i is what the text up to it adds to the text before it with the generation prompt. Blanks that a
 * template writes behind the mark of a turn's end only part it from the next.
 */
function prefixSpans(template: ChatTemplate): Spans {
  return (messages, text, place) =>
    messages.flatMap((message, i) => {
      if (message.role !== 'assistant') return [];
      const after = template.render(messages.slice(0, i + 1), false);
      const begin = i === 0 ? opening(template, after) : beginOfTurn(template, messages, i, after);
      if (begin === undefined) return unclear(place);
      const turn = after.slice(begin);
      // Templates may write a turn's surroundings differently once more follows: then its content shows where it stands.
      const moved = text.startsWith(after)
        ? 0
        : contentAt(template, messages, i, text) - contentAt(template, messages.slice(0, i + 1), i, after);
      const start = begin + moved;
      if (!(start >= 0) || !text.startsWith(turn, start)) return unclear(place);
      return [{ start, end: start + withoutGap(turn, message.content).length }];
    });
}

/** Where the assistant begins in a conversation that it opens: behind the first generation prompt. */
function opening(template: ChatTemplate, text: string): number | undefined {
  const probe = [{ role: 'user', content: 'x' }];
  const prompt = template.render(probe, true).slice(template.render(probe, false).length);
  const at = text.indexOf(prompt);
  return prompt === '' || at < 0 ? undefined : at + prompt.length;
}

/** Where turn i, the last one of `text`, begins. */
function beginOfTurn(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  i: number,
  text: string,
): number | undefined {
  const before = template.render(messages.slice(0, i), true);
  if (text.startsWith(before)) return before.length;
  // What stands before may be written differently once there is an answer (Mistral's template leaves out the system prompt);
  // the turn begins behind the last thing that was said, as it ends there.
  const said = messages[i - 1]!.content.trim();
  const content = contentAt(template, messages.slice(0, i + 1), i, text);
  if (said === '' || Number.isNaN(content)) return undefined;
  const end = before.slice(before.lastIndexOf(said));
  const at = text.lastIndexOf(end, content - end.length);
  return at < 0 ? undefined : at + end.length;
}

/** Where the first letter of message i stands in `text`, the rendered messages; NaN if that does not show. */
function contentAt(template: ChatTemplate, messages: readonly ChatMessage[], i: number, text: string): number {
  const { role, content } = messages[i]!;
  const inner = content.trim();
  if (inner === '') return Number.NaN;
  const marked = { role, content: content.replace(inner, () => openMark + inner) };
  const rendered = template.render(messages.with(i, marked), false);
  return rendered.replace(openMark, '') === text ? rendered.indexOf(openMark) : Number.NaN;
}

/** A turn without the blanks behind its end, where something else marks that end. */
function withoutGap(turn: string, content: string): string {
  const inner = content.trim();
  const at = turn.indexOf(inner);
  const close = at < 0 ? '' : turn.slice(at + inner.length);
  return close.trim() === '' ? turn : turn.trimEnd();
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
