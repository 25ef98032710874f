import { fail } from '../base/problem.ts';
import { readCorpus } from '../data/corpus.ts';
import { ignored } from '../data/rows.ts';
import { documentEncoder } from '../data/token-corpus.ts';
import { readTokenRows } from '../data/token-rows.ts';
import type { CorpusSource, TokenDocument, Tokenizer } from '../data/types.ts';
import type { ScoreRequest } from '../engine/types.ts';
import type { ModelConfig } from '../model/types.ts';

/** A part of a document that the model reads at once. */
export interface Piece {
  /** Index of the document among those measured on. */
  document: number;
  ids: number[];
  /** Aligned with `ids`; −100 = not counted. The first token is never a target: nothing stands before it. */
  labels: number[];
}

/** The longest piece, where the model has as many positions. */
const longestPiece = 512;

/**
 * What a corpus is measured on: whole documents (BOS and EOS as in training) in the order of the hash of their text, the
 * hold-out first, until `tokens` are there; the last one is cut. Token rows are taken in their order, as many as fit. Longer
 * documents are cut into pieces of at most 512 tokens, or the model's positions. Fails as `readCorpus`, `readTokenRows`;
 * `tokenizer-needed`, `token-out-of-vocabulary`.
 */
export async function corpusPieces(
  files: readonly string[],
  source: Pick<CorpusSource, 'kind' | 'field' | 'split' | 'holdout'>,
  tokenizer: Tokenizer | undefined,
  config: Pick<ModelConfig, 'maxPositions' | 'vocabSize'>,
  tokens: number,
): Promise<Piece[]> {
  const documents = source.kind === 'tokens' ? tokenRows(files, tokens) : texts(files, source, tokenizer);
  const longest = Math.min(longestPiece, config.maxPositions);
  const pieces: Piece[] = [];
  let left = tokens;
  let document = 0;
  for await (const { ids, labels } of documents) {
    checkVocabulary(ids, config.vocabSize, files[0]);
    // A row is one document, whole, even where it alone is more than was asked for.
    const length = source.kind === 'tokens' ? ids.length : Math.min(ids.length, left);
    for (let at = 0; at < length; at += longest) {
      const end = Math.min(at + longest, length);
      pieces.push({ document, ids: ids.slice(at, end), labels: labels.slice(at, end) });
    }
    document++;
    left -= length;
    if (left <= 0) break;
  }
  return pieces;
}

async function* texts(
  files: readonly string[],
  source: Pick<CorpusSource, 'field' | 'split' | 'holdout'>,
  tokenizer: Tokenizer | undefined,
): AsyncGenerator<TokenDocument> {
  const { documents, holdout, chat } = await readCorpus(files, source);
  if (!tokenizer) {
    return fail('tokenizer-needed', 'A text corpus needs a tokenizer, and the model has none.', {
      place: files[0],
      remedy: 'Put tokenizer.json beside config.json, or measure on token rows.',
    });
  }
  const encode = documentEncoder(tokenizer, chat);
  const byHash = (a: { hash: string }, b: { hash: string }) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
  for (const part of [holdout, documents]) for (const document of part.sort(byHash)) yield encode(document);
}

/** Whole rows: at least one, then as many as `tokens` hold. */
async function* tokenRows(files: readonly string[], tokens: number): AsyncGenerator<TokenDocument> {
  const { rows, sequence, ids, labels } = await readTokenRows(files);
  const taken = Math.min(rows, Math.max(1, Math.floor(tokens / sequence)));
  for (let row = 0; row < taken; row++) {
    const of = (values: Int32Array) => Array.from(values.subarray(row * sequence, (row + 1) * sequence));
    yield { ids: of(ids), labels: of(labels) };
  }
}

function checkVocabulary(ids: readonly number[], vocabSize: number, place: string | undefined): void {
  const wrong = ids.find((id) => id < 0 || id >= vocabSize);
  if (wrong === undefined) return;
  fail('token-out-of-vocabulary', `The corpus has token ${wrong}, but the model knows 0 to ${vocabSize - 1}.`, {
    place,
    remedy: 'Use the tokenizer of this model.',
  });
}

/** A piece as a request that reads all of its tokens: a token behind the last is asked for, but not counted. */
export function pieceRequest({ ids, labels }: Piece): ScoreRequest {
  return {
    context: ids.slice(0, 1),
    continuation: [...ids.slice(1), 0],
    scored: [...labels.slice(1).map((label) => label !== ignored), false],
  };
}
