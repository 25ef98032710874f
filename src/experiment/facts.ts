import type { Problem } from '../base/problem.ts';

/** What validation may be told about the world outside the text. Gathered by `plan/gather`; every part may be missing. */
export interface ExperimentFacts {
  model?: ModelFacts;
  /** By corpus name. */
  corpora?: Record<string, CorpusFacts>;
  /** By task name. */
  tasks?: Record<string, FileFacts>;
  /** By arm name: the adapter that its `lora.adapter` names. */
  adapters?: Record<string, { rank: number }>;
}

export interface ModelFacts {
  family: string;
  layers: number;
  /** max_position_embeddings. */
  positions: number;
  vocabSize: number;
  /** Highest id + 1 of the tokenizer; undefined if there is none. */
  tokenizerSize?: number;
  /** Whether there is a tokenizer and a chat template; undefined while nobody looked. */
  tokenizer?: 'missing' | 'plain' | 'chat';
  tied: boolean;
  /** Tensors of the base, in file order. */
  tensors: { name: string; shape: number[]; dtype: string }[];
  /** Linear modules of one layer, e.g. `self_attn.q_proj`. */
  linearModules: string[];
}

export interface FileFacts {
  /** Resolved files, absolute; empty if the pattern matches nothing. */
  files: string[];
  /** A problem with the files or the first record, as a sentence. */
  problem?: Problem;
}
export interface CorpusFacts extends FileFacts {
  chat?: boolean;
}
