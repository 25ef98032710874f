import type { Diagnostic, Experiment, TaskSpec, TrainingSpec } from '../experiment/types.ts';
import type { ModelConfig, StackLayer, Surgery } from '../model/types.ts';

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
  extends Omit<TrainingSpec, 'corpus' | 'replay' | 'length' | 'sequence' | 'recompute' | 'base_precision' | 'distill'> {
  steps: number;
  sequence: number;
  recompute: boolean;
  base_precision: 'float32';
  corpus: CorpusIdentity;
  replay?: { corpus: CorpusIdentity; share: number };
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
}
export interface TaskRequest {
  /** As it stands among the evaluated tasks: `recall_new`, `perplexity:general`. */
  name: string;
  spec: TaskSpec;
  /** Absolute files the task reads, in order. */
  files: string[];
  shotFiles?: string[];
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
  tasks: TaskRequest[];
  /** Evaluate after surgery, every n steps, and at the end. */
  every?: number;
  /** Id of the parent run in this plan. */
  parent?: string;
}

export interface ArmPlan {
  name: string;
  /** Why it cannot be planned yet (`after: analysis`), as a sentence. */
  pending?: string;
  config: ModelConfig;
  /** Of the resulting model. */
  layers: StackLayer[];
  pruned: number[];
  trainedParameters: number;
  totalParameters: number;
  lora?: LoraPlan;
  cost: Cost;
  runs: string[];
}

/** Estimates, said to be such wherever they are shown. */
export interface Cost {
  trainTokens: number;
  flops: number;
  /** Peak resident memory, bytes. */
  memory: number;
  /** Seconds on this machine; undefined without calibration. */
  seconds?: number;
}

export interface CorpusCount {
  name: string;
  documents: number;
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
  runs: RunPlan[];
  corpora: CorpusCount[];
  diagnostics: Diagnostic[];
}
