import type { BenchmarkPart } from '../data/benchmark-data.ts';
import type { DeviceChosen } from '../device/adapter.ts';
import type { ExperimentFacts } from '../experiment/facts.ts';
import type { Diagnostic, Experiment, TaskSpec, TrainingSpec } from '../experiment/types.ts';
import type { ModelConfig, StackLayer, Surgery, TensorRef } from '../model/types.ts';

/**
 * How much is read: `headers` config and tensor headers (the editor); `files` also that files exist and can be read, and the
 * tokenizer (`check`); `all` also contents: hashes, token counts, overlaps, this machine (`plan`, `run`).
 */
export type Depth = 'headers' | 'files' | 'all';

/**
 * What `resolve` may be told about the world: the validator's facts, and what only a plan needs. Gathered by `plan/gather`;
 * a part that is missing was not asked for (`headers`) or could not be had (then `problems` says why).
 */
export interface Facts extends ExperimentFacts {
  depth: Depth;
  base?: BaseFacts;
  /** By corpus name. */
  contents?: Record<string, CorpusContent>;
  /** By task name; hashes of its files and of its shot files, in order. */
  taskContents?: Record<string, TaskContent>;
  /** By arm name: the PEFT adapter that its `lora.adapter` names. */
  adapters?: Record<string, AdapterFacts>;
  /** Of a finished analysis of this experiment. */
  importance?: ImportanceFacts;
  overlaps?: Overlap[];
  machine?: MachineFacts;
  /** What `device: auto` takes on this machine, if it was asked for and found out. */
  device?: DeviceChosen;
  problems: FactProblem[];
}

/** What surgery is decided by: the part of `importance.json` that ranks. Larger = more important. */
export interface ImportanceFacts {
  /** One value a layer, by metric. */
  metrics: Readonly<Record<string, readonly number[]>>;
  /** By n − 1 and first layer: angular distance of blocks of n layers at the last token. */
  blocks?: readonly (readonly number[])[];
}

/** A plan needs the model's config and headers; everything else may be missing. */
export type PlannableFacts = Facts & { base: BaseFacts };

export interface BaseFacts {
  /** Absolute. */
  folder: string;
  config: ModelConfig;
  tensors: ReadonlyMap<string, TensorRef>;
  /** `hashModel`; depth `all`. */
  hash?: string;
  /** sha256 over the tokenizer's files; undefined without tokenizer, or with depth `headers`. */
  tokenizerHash?: string;
}

export interface CorpusContent extends CorpusCount {
  /** sha256 over its files' contents, in order. */
  hash: string;
  /** Token rows: how many tokens each has. */
  rowLength?: number;
}

export interface TaskContent {
  /** sha256 of each of its files, in order. */
  hashes: string[];
  /** Benchmarks: how its files are used. */
  parts?: BenchmarkPart[];
  /** Absolute files that shots are drawn from, where they are others, and their hashes. */
  shotFiles?: string[];
  shotHashes?: string[];
  /** Tokens that one evaluation runs through the model, as far as they can be estimated. */
  tokens?: number;
  /** Documents that are evaluated. */
  documents?: number;
}

export interface AdapterFacts {
  /** Absolute. */
  folder: string;
  rank: number;
  alpha: number;
  rslora: boolean;
  /** Names of the weights it adapts. */
  weights: string[];
  /** sha256 of its weights file; depth `all`. */
  hash?: string;
}

/** Part of a task's documents that shares a run of 13 words with the corpora that are trained on. */
export interface Overlap {
  task: string;
  corpora: string[];
  documents: number;
  /** Undefined: not looked for, because the corpora are too large. */
  overlapping?: number;
  /** `doc_id`s of the overlapping ones. */
  ids?: number[];
}

export interface MachineFacts {
  /** Memory that a run may use, bytes. */
  memory: number;
  threads: number;
  /** Undefined until something was measured on this machine. */
  speed?: Speed;
}

/** How fast a machine trains layers of one shape, measured (`engine/probe`). */
export interface Speed {
  /** FLOP/s of a whole step of full training, as `cost` counts FLOPs. */
  flopsPerSecond: number;
  /** Seconds that any node takes, whatever it has to do. */
  node: number;
  /** Seconds per unit of work, by the kinds of `graph/work`. */
  kinds: Readonly<Record<string, number>>;
  /** Seconds per trained parameter: of norm and AdamW, and to add the gradient of one more pass. */
  optimizer: number;
  sum: number;
}

/** A problem of the world outside the text, and where in the text it is caused. */
export interface FactProblem {
  path: (string | number)[];
  code: string;
  severity: 'error' | 'warning';
  message: string;
}

/** What decides a run's weights, and nothing else: `spec.json`; its canonical JSON's sha256 names the run (design §5). */
export interface RunSpec {
  engine_semantics: number;
  /** sha256 over config and tensors of the base. */
  model: string;
  /** Run hash of the parent (`from`), whose finished weights are the start. */
  parent?: string;
  surgery: Surgery;
  /** Tensor names of the resulting model that the optimizer touches, in model order. */
  trained: string[];
  lora?: LoraPlan;
  training?: ResolvedTraining;
  /** Absent when nothing is trained. */
  seed?: number;
  /** An analysis: the run measures the base's layers, and nothing else. */
  analysis?: ResolvedAnalysis;
  device: 'cpu' | 'webgpu' | 'cuda';
}

export interface LoraPlan {
  rank: number;
  alpha: number;
  rslora: boolean;
  /** Weight names that get an adapter, in model order. */
  weights: string[];
  /** sha256 of the adapter's weights it starts from. */
  adapter?: string;
}

/** `TrainingSpec` with `auto`, the sequence and the number of steps resolved and corpora replaced by content hashes. */
export interface ResolvedTraining
  extends Omit<
    TrainingSpec,
    | 'corpus'
    | 'replay'
    | 'length'
    | 'sequence'
    | 'recompute'
    | 'checkpoint_every'
    | 'base_precision'
    | 'distill'
    | 'keep'
  > {
  steps: number;
  sequence: number;
  /** `float32`: as they are stored, computed with in float32. */
  base_precision: 'float32' | 'bfloat16' | 'int4';
  corpus: CorpusIdentity;
  replay?: { corpus: CorpusIdentity; share: number };
  /** The teacher is the model that the run's `model` names, unchanged. */
  distill?: { weight: number; corpus: CorpusIdentity };
  /** `keep: {best: TASK}`: the task by its hash, and when it is measured. Absent for `last`. */
  keep?: { task: string; every: number };
}
/** How a training is carried out: decides memory, time and what is lost by an interruption, but no bit of a weight. */
export interface Execution {
  recompute: boolean;
  /** Optimizer steps between checkpoints. */
  checkpoint_every: number;
}
/** `AnalysisSpec` with names replaced by contents. Names of corpora and tasks stay: the results are found under them. */
export interface ResolvedAnalysis {
  /** In the order of the table of metrics. */
  metrics: string[];
  /** Of each corpus, at most. */
  tokens: number;
  corpora: { name: string; corpus: CorpusIdentity }[];
  tasks: { name: string; hash: string }[];
}
/** What decides which rows a corpus gives. */
export interface CorpusIdentity {
  /** sha256 over its files' contents, in order. */
  hash: string;
  /** sha256 of the tokenizer's files; absent for token rows. */
  tokenizer?: string;
  kind: 'text' | 'tokens';
  field?: string;
  split?: 'paragraph' | 'line';
  holdout?: number;
}

/** Where things lie and what one attempt is to do: goes into `request.N.json`, decides no weights. */
export interface RunSources {
  /** Absolute folder of the base. */
  model: string;
  /** Parent run's directory. */
  parent?: string;
  adapter?: string;
  /** Files of the corpora of `spec.training`, absolute, in order. */
  corpus?: string[];
  replay?: string[];
  distill?: string[];
  /** Files of the corpora of `spec.analysis`, absolute, in order. */
  analysis?: string[][];
}
export interface TaskRequest {
  /** As it stands among the evaluated tasks: `recall_new`, `perplexity:general`. */
  name: string;
  spec: TaskSpec;
  /** Absolute files the task reads, in order. */
  files: string[];
  shotFiles?: string[];
  /** For benchmarks: which of the files are which split of which benchmark (a group has several parts). */
  parts?: BenchmarkPart[];
  /** For perplexity: how documents are made of `files`. */
  corpus?: CorpusIdentity;
  /** sha256 over spec and contents: a task changed under its name has another. */
  hash: string;
}

export interface RunPlan {
  id: string;
  /** sha256 of the spec's canonical JSON (64 digits). */
  hash: string;
  arm: string;
  /** Undefined: the arm is only evaluated and pairs with every seed. */
  seed?: number;
  spec: RunSpec;
  sources: RunSources;
  /** Absent when nothing is trained. */
  execution?: Execution;
  tasks: TaskRequest[];
  /** Evaluate after surgery, every n steps, and at the end. */
  every?: number;
  /** Id of the parent run in this plan. */
  parent?: string;
}

/** The measurement of the base's layers: a run of its own. */
export interface AnalysisPlan {
  run: RunPlan;
  /** Arms whose surgery it decides. */
  arms: string[];
  cost: Pick<Cost, 'flops' | 'seconds'>;
  /** It has finished, and what it measured is among the facts. */
  finished: boolean;
}

/** Inserted, pruned, merged and kept layers of one arm; what its optimizer touches; what it costs. */
export interface ArmPlan {
  name: string;
  /** The arm whose finished weights it starts from. */
  from?: string;
  /** Why it cannot be planned yet (`after: analysis`), as a sentence. */
  pending?: string;
  config: ModelConfig;
  /** Of the resulting model. */
  layers: StackLayer[];
  pruned: number[];
  surgery: Surgery;
  /** Tensor names of the resulting model that the optimizer touches, in model order (without LoRA factors). */
  trained: string[];
  /** Of trained tensors and LoRA factors. */
  trainedParameters: number;
  /** Of the resulting model, without LoRA factors. */
  totalParameters: number;
  lora?: LoraPlan;
  /** Trained parameters of the arm that `rank: match` was matched with. */
  matched?: { arm: string; parameters: number };
  shape?: TrainingShape;
  cost: Cost;
  /** Ids; empty while facts that decide the weights are missing (depth `headers`), or when there are errors. */
  runs: string[];
}

/** Training with its defaults resolved, as far as the facts go. */
export interface TrainingShape {
  /** Undefined while `epochs` needs the corpus's tokens. */
  steps?: number;
  batch: number;
  microBatch: number;
  sequence: number;
  recompute: boolean;
  /** Each step also follows a teacher on as many sequences. */
  distilled: boolean;
}

/** Estimates for one run of an arm, said to be such wherever they are shown. */
export interface Cost {
  /** Of the whole training; 0 if nothing is trained. */
  trainTokens: number;
  /** Training and evaluations. */
  flops: number;
  /** Peak resident memory, bytes. */
  memory: number;
  /** Seconds on this machine; undefined without calibration. */
  seconds?: number;
}

/** What a corpus holds to train on. Of token rows, a row is a document, and nothing is held out. */
export interface CorpusCount {
  name: string;
  kind: 'text' | 'tokens';
  /** Without the hold-out. */
  documents: number;
  /** Of these documents, with BOS and EOS. */
  tokens: number;
  /** false: extrapolated from a sample (shown with ≈). */
  exact: boolean;
  holdoutDocuments: number;
}

/** The experiment resolved: everything `run` needs and `plan` shows. */
export interface Plan {
  experiment: Experiment;
  baseConfig: ModelConfig;
  baseParameters: number;
  arms: ArmPlan[];
  /** The run that measures the layers, before those that wait for it; absent while facts that decide it are missing. */
  analysis?: AnalysisPlan;
  runs: RunPlan[];
  /** Empty with depth `headers`. */
  corpora: CorpusCount[];
  overlaps: Overlap[];
  /** What differences the evaluation can see; empty with depth `headers`. */
  detectable: TaskDetectable[];
  machine?: MachineFacts;
  diagnostics: Diagnostic[];
}

/** The smallest difference of two arms on a task of yes/no answers that a verdict finds with 80 % power (`detectable.ts`). */
export interface TaskDetectable {
  task: string;
  documents: number;
  seeds: number;
  /** A share, of right answers. */
  difference: number;
  /** What a statement about these seeds only can see, over documents alone. */
  theseSeeds: number;
}
