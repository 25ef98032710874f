import { extname } from 'node:path';
import { canonicalJson, sha256 } from '../base/hash.ts';
import { fail } from '../base/problem.ts';
import { isConversation } from './chat.ts';
import { lines, readHead, readUtf8 } from './text-file.ts';
import type { CorpusDocument } from './types.ts';

/** How documents are made of files: the part of a corpus' specification that decides them. */
export interface CorpusOptions {
  /** Field of a JSON line with the text or the conversation; `text` if not given. */
  field?: string;
  /** How a `.txt` file is split; undefined: one document a file. */
  split?: 'paragraph' | 'line';
  /** Share of the documents held out, chosen by the hash of their text. */
  holdout?: number;
}

export interface Corpus {
  /** To be trained, in the order of the files. */
  documents: CorpusDocument[];
  /** Never trained; empty without `holdout`. */
  holdout: CorpusDocument[];
  /** Documents are conversations. */
  chat: boolean;
}

/**
 * Reads text documents: `.jsonl` one a line, anything else as text: one a file, or split.
 * @param files absolute, in order (`resolveFiles`)
 * @throws Failure `corpus-empty`, `corpus-mixed`, `field-missing`, `invalid-json-line` (with `file:line`), `text-not-utf8`,
 *   `holdout-impossible`, `file-missing`
 */
export async function readCorpus(files: readonly string[], options: CorpusOptions = {}): Promise<Corpus> {
  const all: CorpusDocument[] = [];
  for (const file of files) {
    const bytes = await readUtf8(file);
    for (const document of isJsonLines(file) ? fromJsonLines(bytes, file, options) : fromText(bytes, file, options))
      all.push(document);
  }
  if (all.length === 0)
    fail('corpus-empty', files.length === 0 ? 'No file belongs to this corpus.' : 'The corpus has no document.', {
      place: files[0],
      remedy: files.length === 0 ? 'Check the pattern under `files`.' : 'Give files with text.',
    });
  const chat = all[0]!.messages !== undefined;
  const other = all.find((d) => (d.messages !== undefined) !== chat);
  if (other)
    fail('corpus-mixed', `The corpus mixes texts and conversations: it begins with a ${kindOf(all[0]!)}.`, {
      place: other.place,
      remedy: 'Make two corpora of it.',
    });
  const held = holdOut(all, options.holdout ?? 0, files[0]!);
  return { documents: all.filter((d) => !held.has(d.hash)), holdout: all.filter((d) => held.has(d.hash)), chat };
}

/**
 * The cheap look that check and plan take at a corpus: its files exist, and the first document of each can be read. Only the
 * beginnings of the files are read. Fails as `readCorpus` does.
 * @returns whether the corpus is chat
 */
export async function firstDocuments(
  files: readonly string[],
  options: CorpusOptions = {},
): Promise<{ chat: boolean }> {
  let chat = false;
  for (const file of files) {
    const bytes = await readHead(file);
    const documents = isJsonLines(file) ? fromJsonLines(bytes, file, options) : fromText(bytes, file, options);
    const { value } = documents.next() as { value: CorpusDocument | undefined };
    chat ||= value?.messages !== undefined;
  }
  return { chat };
}

function kindOf(document: CorpusDocument): string {
  return document.messages ? 'conversation' : 'text';
}

function isJsonLines(file: string): boolean {
  return ['.jsonl', '.ndjson'].includes(extname(file).toLowerCase());
}

function* fromJsonLines(bytes: Buffer, file: string, { field = 'text' }: CorpusOptions): Generator<CorpusDocument> {
  for (const { text: line, number } of lines(bytes)) {
    if (line.trim() === '') continue;
    const place = `${file}:${number}`;
    const value = parseLine(line, place)[field];
    if (typeof value === 'string') {
      if (value !== '') yield { text: value, hash: sha256(value), place };
    } else if (isConversation(value)) {
      const messages = value.map(({ role, content }) => ({ role, content }));
      const text = messages.map((m) => m.content).join('\n');
      yield { text, messages, hash: sha256(canonicalJson(messages)), place };
    } else {
      const what = value === undefined ? 'is missing' : 'is neither a text nor a list of {role, content}';
      fail('field-missing', `The field \`${field}\` ${what}.`, {
        place,
        remedy: 'Name the field that holds the text with `field`.',
      });
    }
  }
}

function parseLine(line: string, place: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, together with values that are no object.
  }
  return fail('invalid-json-line', 'This line is not a JSON object.', {
    place,
    remedy: 'A .jsonl file has one JSON object a line.',
  });
}

function* fromText(bytes: Buffer, file: string, { split }: CorpusOptions): Generator<CorpusDocument> {
  const document = (text: string, number: number): CorpusDocument => ({
    text,
    hash: sha256(text),
    place: `${file}:${number}`,
  });
  if (split === undefined) {
    const text = bytes.toString('utf8');
    if (text.trim() !== '') yield document(text, 1);
    return;
  }
  // A paragraph ends at a line of white space; both kinds of line end are lines.
  let gathered: string[] = [];
  let first = 1;
  for (const { text, number } of lines(bytes)) {
    const blank = text.trim() === '';
    if (!blank) {
      if (gathered.length === 0) first = number;
      gathered.push(text);
    }
    if (gathered.length > 0 && (blank || split === 'line')) {
      yield document(gathered.join('\n'), first);
      gathered = [];
    }
  }
  if (gathered.length > 0) yield document(gathered.join('\n'), first);
}

/**
 * Hashes of the texts held out: of the different texts, sorted by their hash, the first `share` (rounded, at least one). The
 * same for every seed and every order of files; equal texts fall on the same side.
 */
function holdOut(documents: readonly CorpusDocument[], share: number, place: string): Set<string> {
  if (share <= 0) return new Set();
  const hashes = [...new Set(documents.map((d) => d.hash))].sort();
  const count = Math.max(1, Math.round(hashes.length * share));
  if (count >= hashes.length)
    fail(
      'holdout-impossible',
      hashes.length === 1
        ? 'The corpus is one document, so none can be held out.'
        : `A hold-out of ${share} would leave none of the ${hashes.length} documents to train on.`,
      { place, remedy: 'Split the text with `split: paragraph` or `split: line`, or set another `holdout`.' },
    );
  return new Set(hashes.slice(0, count));
}
