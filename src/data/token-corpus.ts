import { noProgress, type Progress } from '../base/log.ts';
import { chatEncoder } from './chat-corpus.ts';
import type { Corpus } from './corpus.ts';
import type { CorpusDocument, TokenDocument, Tokenizer } from './types.ts';

/** A corpus as tokens, all documents end to end. */
export interface TokenCorpus {
  ids: Int32Array;
  /** Aligned with `ids`; −100 = not learnt. The same array as `ids` where everything is learnt. */
  labels: Int32Array;
  /** Where each document begins, and the end of the last: documents + 1 entries. */
  starts: Float64Array;
}

/**
 * A function from a document to its tokens: BOS (if the tokenizer adds it) + text + EOS, or a rendered conversation with
 * labels on the assistant's turns. Without an EOS token none is added.
 */
export function documentEncoder(tokenizer: Tokenizer, chat: boolean): (document: CorpusDocument) => TokenDocument {
  if (chat) {
    const encode = chatEncoder(tokenizer);
    return (document) => encode(document.messages ?? [], document.place);
  }
  return (document) => {
    const ids = tokenizer.encode(document.text);
    // A tokenizer may add EOS itself.
    if (tokenizer.eosId !== undefined && !(tokenizer.addsEos && ids.at(-1) === tokenizer.eosId))
      ids.push(tokenizer.eosId);
    return { ids, labels: ids };
  };
}

/** Longest time without giving the event loop a turn, milliseconds: heartbeats and signals must get through. */
const slice = 50;

/** The training documents of a corpus as tokens, in its order. */
export async function tokenizeCorpus(
  corpus: Pick<Corpus, 'documents' | 'chat'>,
  tokenizer: Tokenizer,
  progress: Progress = noProgress,
): Promise<TokenCorpus> {
  const { documents, chat } = corpus;
  const encode = documentEncoder(tokenizer, chat);
  const starts = new Float64Array(documents.length + 1);
  const ids = new Growing();
  const labels = new Growing();
  let turn = performance.now();
  for (const [i, document] of documents.entries()) {
    const tokens = encode(document);
    ids.push(tokens.ids);
    if (chat) labels.push(tokens.labels);
    starts[i + 1] = ids.length;
    if (performance.now() - turn > slice) {
      progress.report('tokenize', i + 1, documents.length);
      await new Promise<void>((resume) => setImmediate(resume));
      turn = performance.now();
    }
  }
  progress.report('tokenize', documents.length, documents.length);
  const all = ids.take();
  return { ids: all, labels: chat ? labels.take() : all, starts };
}

/** A list of 32-bit integers that grows. */
class Growing {
  #values = new Int32Array(1 << 12);
  length = 0;
  push(more: readonly number[]): void {
    if (this.length + more.length > this.#values.length) {
      const larger = new Int32Array(Math.max(this.#values.length * 2, this.length + more.length));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values.set(more, this.length);
    this.length += more.length;
  }
  take(): Int32Array {
    return this.#values.slice(0, this.length);
  }
}
