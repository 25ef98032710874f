import type { ChatTemplate } from './chat.ts';

/** The one interface over tokenizer.json, tokenizer_config.json and the chat template. */
export interface Tokenizer {
  /** With special tokens unless told otherwise. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** Rendered conversation. Fails with `no-chat-template` where there is none. */
  renderChat(messages: ChatMessage[], options?: { addGenerationPrompt?: boolean }): string;
  readonly hasChatTemplate: boolean;
  /** The chat template itself; undefined where there is none. */
  readonly chatTemplate?: ChatTemplate;
  readonly bosId?: number;
  readonly eosId?: number;
  /** Whether `encode` puts BOS in front. */
  readonly addsBos: boolean;
  /** Whether `encode` puts EOS behind. */
  readonly addsEos: boolean;
  /** Highest id + 1. */
  readonly size: number;
}

export interface ChatMessage {
  role: string;
  content: string;
}

/** One document as the trainer sees it: `labels` aligned with `ids`, −100 = not learnt. */
export interface TokenDocument {
  ids: number[];
  labels: number[];
}

/** One text of a corpus. `hash` is the sha256 of its text (for chat: of the messages' canonical JSON). */
export interface CorpusDocument {
  text: string;
  messages?: ChatMessage[];
  hash: string;
  /** `file:line`, for messages. */
  place: string;
}

/**
 * Rows of tokens, all arrays [rows · sequence], row-major. `targets[i]` is the token to be predicted at position i
 * (labels shifted left by one inside the row), −100 = none. `segments` numbers the documents of a row from 0; attention
 * stays inside a segment. `positions` restart at 0 in each.
 */
export interface Rows {
  rows: number;
  sequence: number;
  ids: Int32Array;
  targets: Int32Array;
  segments: Int32Array;
  positions: Int32Array;
}

/** What decides which documents or rows a corpus gives (plan's `CorpusIdentity`). */
export interface CorpusSource {
  /** sha256 over its files' contents, in order. */
  hash: string;
  /** sha256 of the tokenizer's files (`hashTokenizer`); absent for token rows. */
  tokenizer?: string;
  kind: 'text' | 'tokens';
  field?: string;
  split?: 'paragraph' | 'line';
  holdout?: number;
}

/** The part of a resolved training that decides its batches (plan's `ResolvedTraining`). */
export interface DataSpec {
  corpus: CorpusSource;
  replay?: { corpus: CorpusSource; share: number };
  steps: number;
  /** Sequences per optimizer step. */
  batch: number;
  sequence: number;
  packing: 'document' | 'stream';
}

/** Random access to a run's batches, so that a resume needs no history: the same step gives the same rows. */
export interface TrainingData {
  /** Optimizer steps in the run. */
  steps: number;
  /** The `batch` rows of optimizer step `step` (0-based), in order. */
  batch(step: number): Rows;
  /**
   * Rows in one pass over the main corpus: its tokens / sequence, a fraction where a row lies across two passes; infinite for
   * token rows, which are taken in order, once.
   */
  rowsPerEpoch: number;
}
