import { fail } from '../../base/problem.ts';
import type { PlacedRecord } from '../../data/records.ts';

/** One fact: what states it, what asks for it, and the answer among others of its kind. */
export interface Fact {
  /** Names the fact: all its sentences stay on one side of the hold-out. */
  id: string;
  kind: string;
  /** Sentences for training. */
  texts: string[];
  question: string;
  answer: string;
}

/**
 * Facts of records `{kind, text or texts, answer, question?, fact?}`. Without a question the sentence itself asks: up to the
 * answer, which then has to end it. Records with the same `fact` (without one: the same question) are one fact, whose
 * sentences are joined. Fails with `invalid-record` and the place.
 */
export function readFacts(records: readonly PlacedRecord[]): Fact[] {
  const facts = new Map<string, Fact>();
  for (const { record, place } of records) {
    const read = toFact(record);
    if (typeof read === 'string') {
      fail('invalid-record', `The fact ${read}.`, {
        place,
        remedy: 'Write {"kind": "city", "text": "Ada lives in Velden.", "answer": "Velden"}.',
      });
    }
    const known = facts.get(read.id);
    if (!known) facts.set(read.id, read);
    else if (known.answer !== read.answer || known.kind !== read.kind) {
      fail('invalid-record', `The fact ${read.id} has two answers: ${known.answer} and ${read.answer}.`, {
        place,
        remedy: 'Give each fact one answer, or the facts names of their own in "fact".',
      });
    } else known.texts.push(...read.texts.filter((text) => !known.texts.includes(text)));
  }
  return [...facts.values()];
}

function toFact({ kind, text, texts = [text], question, answer, fact }: PlacedRecord['record']): Fact | string {
  if (typeof kind !== 'string' || kind === '') return 'has no "kind" (of its answer: city, colour, year)';
  if (typeof answer !== 'string' || answer.trim() === '') return 'has no text "answer"';
  if (!Array.isArray(texts) || texts.length === 0 || !texts.every((t) => typeof t === 'string' && t.trim() !== ''))
    return 'has no "text", nor a list "texts"';
  if (question !== undefined && (typeof question !== 'string' || question.trim() === ''))
    return 'has an empty "question"';
  const asked = question ?? cloze(texts[0], answer);
  if (asked === undefined) return 'has no "question", and its first text does not end with the answer';
  return { id: fact === undefined ? asked : String(fact), kind, texts: [...texts], question: asked, answer };
}

/** `Ada lives in Velden.` with the answer `Velden`: `Ada lives in`. */
function cloze(text: string, answer: string): string | undefined {
  const at = text.lastIndexOf(answer);
  const [before, behind] = [text.slice(0, at).trimEnd(), text.slice(at + answer.length)];
  return at > 0 && before !== '' && /^[\s.!?"”’)]*$/.test(behind) ? before : undefined;
}
