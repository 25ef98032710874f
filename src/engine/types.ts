import type { Rows } from '../data/types.ts';
import type { Model } from '../model/types.ts';

/** What the optimizer reports of one step. */
export interface StepMetrics {
  /** Mean cross-entropy over the step's non-ignored targets, nats. */
  loss: number;
  /** With `distill`: mean KL(teacher ‖ student) over the counted positions of the step's distilled rows, nats. */
  divergence?: number;
  /** Global norm of the gradient before clipping. */
  gradNorm: number;
  learningRate: number;
  /** Tokens of the step: batch · sequence. */
  tokens: number;
}

/** Trains a declared set of tensors. One owner; `dispose` frees sessions and memory. */
export interface Trainer {
  /** Optimizer steps completed. */
  readonly step: number;
  /** Carries out one optimizer step for each batch; with `distill` each has rows on which the teacher is followed. */
  advance(batches: Rows[], distilled?: Rows[]): Promise<StepMetrics[]>;
  /** Current float32 values of trained tensors (and LoRA factors, by PEFT's names). */
  read(names?: readonly string[]): Promise<Map<string, { shape: number[]; data: Float32Array }>>;
  /** ‖Δw‖ of the last step and ‖w‖ after it, of each trained tensor; no entries before the first step. */
  updateNorms(): Promise<Map<string, { update: number; weight: number }>>;
  /**
   * Writes masters, moments and the step count; atomic: the file is there whole or not at all. Fails with
   * `weights-not-finite`, and writes nothing, if the last step made a value infinite or NaN.
   */
  save(file: string): Promise<void>;
  load(file: string): Promise<void>;
  dispose(): Promise<void>;
}

/** Float32 tensors that stand in for stored ones: the trainer's current values (tensors by name, LoRA factors by PEFT's names). */
export type Overrides = ReadonlyMap<string, { shape: number[]; data: Float32Array }>;

export interface ScoreRequest {
  context: readonly number[];
  continuation: readonly number[];
  /** Aligned with `continuation`: which of its tokens count; the others are context. Default: all. */
  scored?: readonly boolean[];
}
export interface LikelihoodResult {
  /** Σ log p of the continuation, nats. */
  loglikelihood: number;
  /** Scored tokens. */
  tokens: number;
  /** Tokens of the context cut off at the left to fit the model's positions. */
  truncated: number;
}
export interface ScoreResult extends LikelihoodResult {
  /** Every token of the continuation is the argmax. */
  isGreedy: boolean;
}
/** Documents or requests done, of how many. */
export type OnProgress = (done: number, total: number) => void;
/** Forward passes in length buckets with cached sessions. */
export interface Scorer {
  readonly model: Model;
  /** Other values for the tensors that were overridden at creation; sessions are kept. */
  update(overrides: Overrides): void;
  /** Results in the order of the requests. */
  score(requests: readonly ScoreRequest[], onProgress?: OnProgress): Promise<ScoreResult[]>;
  /** The same log-likelihoods in less time (2 % where every token counts): no argmax is looked for. */
  likelihoods(requests: readonly ScoreRequest[], onProgress?: OnProgress): Promise<LikelihoodResult[]>;
  /** logits float32 [rows, sequence, vocab]; each row its own document. */
  logits(ids: readonly (readonly number[])[]): Promise<{ shape: [number, number, number]; data: Float32Array }>;
  dispose(): Promise<void>;
}

export interface GenerateOptions {
  maxTokens: number;
  /** Generation ends when one of these ids is drawn (it is not part of the result). */
  endIds: readonly number[];
  /** Called with all new ids so far; true ends this prompt (stop strings are the caller's). */
  stop?: (newIds: readonly number[]) => boolean;
  /** 0 = greedy (default). */
  temperature?: number;
  topP?: number;
  seed?: number;
}
/** Decoding with a key-value cache. */
export interface Generator {
  update(overrides: Overrides): void;
  generate(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
    onProgress?: (done: number, total: number) => void,
  ): Promise<number[][]>;
  dispose(): Promise<void>;
}
