/**
 * An experiment as the rest of the program sees it: parsed, checked, unions decided, defaults filled in.
 * Layers are numbered in the base model (design §1). The order of `arms`, `tasks`, `corpora` is that of the file.
 */
export interface Experiment {
  /** Absolute path of the file ('' when it was parsed from a text without one). */
  file: string;
  /** File name without `.strata.yaml` (or `.yaml`). */
  stem: string;
  title?: string;
  /** As written: a folder relative to the file, or an id in the local Hugging Face cache. */
  model: string;
  corpora: Record<string, CorpusSpec>;
  tasks: Record<string, TaskSpec>;
  analysis?: AnalysisSpec;
  arms: Record<string, ArmSpec>;
  evaluation: EvaluationSpec;
  compare: CompareSpec;
  seeds: number[];
  target: Target;
  device: DeviceChoice;
}

export type DeviceChoice = 'auto' | 'cpu' | 'webgpu' | 'cuda';
export type Target =
  | { kind: 'local' }
  | { kind: 'ssh'; host: string }
  | { kind: 'slurm'; host?: string; options: Record<string, string | number> };

export type CorpusSpec =
  | { kind: 'text'; files: string[]; field?: string; split?: 'paragraph' | 'line'; holdout?: number }
  | { kind: 'tokens'; files: string[] };

/** Fields common to own tasks (design §4, Tasks). */
interface OwnTask {
  files: string[];
  description?: string;
  target_delimiter: string;
  shot_delimiter: string;
  shots: number;
  shots_from?: string[];
  sampler: 'random' | 'first';
  limit?: number;
  chat: boolean;
}
export interface ChoiceTask extends OwnTask {
  kind: 'choice';
}
export interface GenerateTask extends OwnTask {
  kind: 'generate';
  max_tokens: number;
  stop: string[];
  extract?: { pattern: string; take: 'first' | 'last' };
  match: 'exact' | 'regex';
}
export interface BenchmarkTask {
  kind: 'benchmark';
  benchmark: string;
  files: Partial<Record<'train' | 'validation' | 'dev' | 'test', string>>;
  shots?: number;
  documents?: string;
  limit?: number;
  chat?: boolean;
  max_tokens?: number;
  /** Of benchmarks whose answers are programs: programs a problem, how they are drawn, and k of pass@k. */
  samples?: number;
  k?: number[];
  temperature?: number;
  top_p?: number;
  seed?: number;
  sandbox?: 'pyodide' | 'bwrap';
}
/** `perplexity:X` among the evaluated tasks. */
export interface PerplexityTask {
  kind: 'perplexity';
  corpus: string;
}
export type TaskSpec = ChoiceTask | GenerateTask | BenchmarkTask | PerplexityTask;

export interface AnalysisSpec {
  metrics: string[];
  /** The first ranks the layers; attention is described on each. */
  corpora: string[];
  /** Of each corpus, at most. */
  tokens: number;
  tasks: string[];
}

export type ExpandRule = 'shallow_half' | 'deep_half' | 'uniform' | 'analysis';
export interface ExpandSpec {
  after: { kind: 'layers'; layers: number[] } | { kind: 'rule'; rule: ExpandRule; blocks: number; by?: string };
  init: 'average' | 'copy' | 'random';
  identity: boolean;
}
export type PruneSpec =
  | { kind: 'last'; count: number }
  | { kind: 'layers'; layers: number[] }
  | { kind: 'by'; by: string; count: number; contiguous: boolean };
export interface MergeSpec {
  into: number;
  of: number[];
}

/** One entry of `train:`. `text` is what was written. */
export type TrainSelector =
  | { kind: 'all' | 'new' | 'merged' | 'embeddings' | 'head' | 'norms'; text: string }
  | { kind: 'layers'; from: number; to: number; text: string }
  /** `layers n+` (all blocks inserted after n; ordinal undefined) or `layers n+k`. */
  | { kind: 'inserted'; after: number; ordinal?: number; text: string }
  /** A glob on tensor names of the resulting model. */
  | { kind: 'glob'; text: string };

export interface LoraSpec {
  rank: { kind: 'fixed'; rank: number } | { kind: 'match'; arm: string } | { kind: 'adapter' };
  /** undefined: 2·rank (or what the adapter says). */
  alpha?: number;
  /** 'all_linear' or module names such as `q_proj`. */
  targets: 'all_linear' | string[];
  /** Layers of the resulting stack (new numbering); undefined: every one. */
  layers?: number[];
  rslora: boolean;
  /** Folder of a PEFT adapter to start from. */
  adapter?: string;
}

export interface ArmSpec {
  name: string;
  from?: string;
  expand?: ExpandSpec;
  prune?: PruneSpec;
  merge?: MergeSpec;
  train?: TrainSelector[];
  lora?: LoraSpec;
  /** What this arm trains with: the experiment's `training` with this arm's overrides; undefined if nothing is trained. */
  training?: TrainingSpec;
  /** Keys of `training` that this arm overrides. */
  overrides: string[];
}

export interface TrainingSpec {
  corpus: string;
  replay?: { corpus: string; share: number };
  /** Exactly one of the three. */
  length: { unit: 'steps' | 'tokens' | 'epochs'; value: number };
  batch: number;
  micro_batch: number;
  /** undefined: the smaller of 512 and the model's positions. */
  sequence?: number;
  packing: 'document' | 'stream';
  learning_rate: number;
  schedule: 'constant' | 'linear' | 'cosine';
  /** Below 1: share of the steps; else a count. */
  warmup: number;
  betas: [number, number];
  epsilon: number;
  weight_decay: number;
  /** Global norm; 0 = off. */
  clip: number;
  precision: 'float32' | 'mixed';
  base_precision: 'auto' | 'float32' | 'bfloat16' | 'int4';
  recompute: 'auto' | boolean;
  checkpoint_every: number;
  distill?: { teacher: string; weight: number; corpus: string };
  keep: 'last' | { best: string };
}

export interface EvaluationSpec {
  /** Names: own tasks, built-in benchmarks, `perplexity:X`. */
  tasks: string[];
  /** Steps; undefined: only at the end. */
  every?: number;
}

/** A task, or one metric of a task. */
export interface MetricRef {
  task: string;
  metric?: string;
}
export interface CompareSpec {
  baseline?: string;
  subject?: string;
  gain?: MetricRef;
  forgetting: MetricRef[];
}

/** Half-open range of character offsets in the text. */
export interface Range {
  start: number;
  end: number;
}
export interface Fix {
  title: string;
  edits: { range: Range; text: string }[];
}
export interface Diagnostic {
  /** Stable, kebab-case. */
  code: string;
  severity: 'error' | 'warning';
  range: Range;
  /** 1-based. */
  line: number;
  column: number;
  /** A sentence that says what is wrong and what to do. */
  message: string;
  fixes: Fix[];
}
