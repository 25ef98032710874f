import type { Execution, RunSources, RunSpec, TaskRequest } from '../plan/types.ts';

/** `request.N.json`: what attempt N was asked to do. */
export interface RunRequest {
  attempt: number;
  /** Names for people and readers. */
  experiment: { file: string; stem: string; title?: string };
  arm: string;
  seed?: number;
  hash: string;
  sources: RunSources;
  /** Absent when nothing is trained. */
  execution?: Execution;
  tasks: TaskRequest[];
  every?: number;
  parent?: string;
  threads: number;
  version: string;
  /** Milliseconds since the epoch: the order of the queue. */
  asked: number;
  /** Order among runs that were asked for at once. */
  order: number;
  /** Stages that were missing when it was asked for. */
  stages: Stage[];
  /** Chosen by who asked: the same asking, repeated because its answer was lost, finds this attempt. */
  token?: string;
  /** Command line of the worker's program, where it is not that of its supervisor. */
  program?: [string, ...string[]];
  /** On Slurm: what its job asks for. */
  slurm?: object;
}

/**
 * `place.json`: the one place a run lives, written at creation. On an ssh host the run directory itself says `local`; what is
 * here of it is a mirror, whose place names the host.
 */
export type PlaceRecord = { kind: 'local' } | { kind: 'ssh'; host: string } | { kind: 'slurm'; host?: string };

/** `evaluated.json`: which task, by hash, the results under a task's name answer. */
export type Evaluated = Record<string, string>;

export type RunState =
  | 'waiting'
  | 'starting'
  | 'running'
  | 'canceling'
  | 'orphaned'
  | 'succeeded'
  | 'failed'
  | 'canceled'
  | 'skipped'
  | 'lost'
  | 'preempted'
  /** Of a mirror only: its host cannot be asked now. It ends no run. */
  | 'unreachable';

/** One event of `events.N.jsonl`. */
export type RunEvent = { time: number } & (
  | { type: 'stage'; stage: Stage; state: 'started' | 'ended' }
  | { type: 'progress'; stage: Stage; label: string; done: number; total: number }
  | { type: 'checkpoint'; step: number }
  /** `keep: {best: TASK}`: the weights of this step are the result. */
  | { type: 'kept'; task: string; step: number; metric: string; value: number }
  | { type: 'proof'; proof: 'identity' | 'frozen'; state: 'holds' | 'broken' | 'not-applicable'; detail: string }
  /** `base_precision`: nats per token of the model before training, with its weights as stored and as computed with. */
  | { type: 'precision'; kind: 'bfloat16' | 'int4'; tokens: number; stored: number; lowered: number }
  | { type: 'warning'; message: string }
);
export type Stage = 'surgery' | 'train' | 'evaluate' | 'analyze';

/** Records of `metrics.N.jsonl`; `step` counts completed optimizer steps. */
export interface StepRecord {
  step: number;
  tokens: number;
  loss: number;
  /** With `distill`: mean KL from the teacher, nats; the loss is without it. */
  divergence?: number;
  grad_norm: number;
  lr: number;
  tokens_per_second: number;
  /** Seconds since the stage began. */
  wall: number;
}
/**
 * How far the last optimizer step moved what is trained, at checkpoints and evaluations: ‖Δw‖/‖w‖ over the trained tensors of
 * each part of the model (LoRA: over the factors), by the layer's label, `embeddings`, `norm`, `head`. Around 1e-3 is usual;
 * a block whose output starts at zero begins with 1.
 */
export interface UpdateRecord {
  step: number;
  update_ratio: Record<string, number>;
}
export interface ScoreRecord {
  step: number;
  task: string;
  metric: string;
  value: number;
}

/** `scores.json`: task → metric → value. */
export type Scores = Record<string, Record<string, Score>>;
export interface Score {
  value: number;
  stderr: number | null;
  n: number;
  /** Where programs ran: kind and version. */
  sandbox?: string;
}

/** One line of `samples/<task>.jsonl` (design §5); one field a metric besides those named. */
export interface SampleRecord {
  doc_id: number;
  prompt_hash: string;
  target_hash?: string;
  [field: string]: unknown;
}

/** One tensor of `tensors.json`; hashes are sha256 of the stored bytes. */
export interface TensorProof {
  shape: number[];
  dtype: string;
  role: 'trained' | 'frozen';
  /** In the base (or the parent), under its name there; for a tensor made by surgery, in `start/`. */
  start: string;
  /** Re-read from disk at the end, through the layer map. */
  end: string;
}
/** `tensors.json`, by name in the resulting model. */
export type TensorProofs = Record<string, TensorProof>;

/** A run directory as a reader sees it. */
export interface Run {
  id: string;
  folder: string;
  spec: RunSpec;
  request: RunRequest;
  attempts: number;
  place: PlaceRecord;
  state: RunState;
  /** Why, for failed, lost, skipped. */
  reason?: string;
  scores?: Scores;
}

/** Everything a comparison needs of one run; loaded by `record/`, used by pure code. */
export interface RunData {
  run: Run;
  /** Each optimizer step exactly once, in order. */
  steps: StepRecord[];
  /** Intermediate evaluations. */
  curve: ScoreRecord[];
  /** Absent where they were not recorded. */
  updates?: UpdateRecord[];
  /** By task. */
  samples: Record<string, SampleRecord[]>;
}
