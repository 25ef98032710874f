import { canonicalJson, sha256 } from '../base/hash.ts';
import { chatEncoder } from '../data/chat-corpus.ts';
import { readCorpus } from '../data/corpus.ts';
import { ignored } from '../data/rows.ts';
import { readTokenRows } from '../data/token-rows.ts';
import type { CorpusDocument, Tokenizer } from '../data/types.ts';
import type { TaskRequest } from '../plan/types.ts';
import { countWords, utf8Bytes } from '../tasks/python-text.ts';
import { createEncoder } from './encode.ts';
import type { LikelihoodDocument } from './perplexity.ts';
import { needTokenizer } from './questions.ts';

/**
 * The documents of `perplexity:X`: X's hold-out, else all of X (design §4). What is scored:
 * - text: every token the text is encoded to, from BOS; BOS itself is not predicted, since no text teaches it;
 * - conversations: what the assistant wrote, with its end, as in training; words and bytes are the assistant's;
 * - token rows: every label but the first token's; there are no words and bytes.
 */
export async function likelihoodDocuments(
  { name, files, corpus }: TaskRequest,
  tokenizer: Tokenizer | undefined,
): Promise<LikelihoodDocument[]> {
  if (corpus?.kind === 'tokens') return tokenRows(files);
  const { documents, holdout, chat } = await readCorpus(files, corpus);
  const toDocument = (chat ? fromChat : fromText)(needTokenizer(name, tokenizer));
  return (holdout.length > 0 ? holdout : documents).map(toDocument);
}

function fromText(tokenizer: Tokenizer): (document: CorpusDocument) => LikelihoodDocument {
  const { encode, prefixId } = createEncoder(tokenizer);
  return ({ text, hash }) => {
    const ids = encode(text);
    const tokens = ids[0] === prefixId ? ids.slice(1) : ids;
    return { hash, prefix: prefixId, tokens, words: countWords(text), bytes: utf8Bytes(text) };
  };
}

function fromChat(tokenizer: Tokenizer): (document: CorpusDocument) => LikelihoodDocument {
  const encode = chatEncoder(tokenizer);
  return ({ messages = [], hash, place }) => {
    const { ids, labels } = encode(messages, place);
    const written = messages.filter((m) => m.role === 'assistant').map((m) => m.content);
    return {
      hash,
      ...fromLabels(ids, labels),
      words: written.reduce((sum, text) => sum + countWords(text), 0),
      bytes: written.reduce((sum, text) => sum + utf8Bytes(text), 0),
    };
  };
}

async function tokenRows(files: readonly string[]): Promise<LikelihoodDocument[]> {
  const { rows, sequence, ids, labels } = await readTokenRows(files);
  return Array.from({ length: rows }, (_, row) => {
    const own = Array.from(ids.subarray(row * sequence, (row + 1) * sequence));
    const ownLabels = Array.from(labels.subarray(row * sequence, (row + 1) * sequence));
    return { hash: sha256(canonicalJson(own)), ...fromLabels(own, ownLabels) };
  });
}

/** The first token is context; of the others those count that have a label. */
function fromLabels(ids: readonly number[], labels: readonly number[]) {
  return { prefix: ids[0]!, tokens: ids.slice(1), scored: labels.slice(1).map((label) => label !== ignored) };
}
