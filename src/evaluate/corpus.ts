import { readCorpus } from '../data/corpus.ts';
import type { Tokenizer } from '../data/types.ts';
import type { TaskRequest } from '../plan/types.ts';
import { createEncoder } from './encode.ts';
import type { LikelihoodDocument } from './perplexity.ts';
import { countWords, utf8Bytes } from './python-text.ts';
import { needTokenizer } from './questions.ts';

/**
 * The documents of `perplexity:X`: X's hold-out, else all of X (design §4). A text is encoded with the special tokens
 * the tokenizer adds and predicted from its first one; BOS itself is not predicted, since no text teaches it.
 */
export async function likelihoodDocuments(
  { name, files, corpus }: TaskRequest,
  tokenizer: Tokenizer | undefined,
): Promise<LikelihoodDocument[]> {
  const { documents, holdout } = await readCorpus(files, corpus);
  const encoder = createEncoder(needTokenizer(name, tokenizer));
  return (holdout.length > 0 ? holdout : documents).map(({ text, hash }) => ({
    hash,
    ...fromPrefix(encoder.encode(text), encoder.prefixId),
    words: countWords(text),
    bytes: utf8Bytes(text),
  }));
}

/** The first token is what the others are predicted from, if it is the prefix; else the prefix is. */
function fromPrefix(ids: readonly number[], prefix: number): { prefix: number; tokens: readonly number[] } {
  return { prefix, tokens: ids[0] === prefix ? ids.slice(1) : ids };
}
