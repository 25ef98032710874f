import type { CompareSpec } from '../experiment/types.ts';
import type { ImportanceRecord } from '../record/importance.ts';
import type { RunData, RunState, TensorProofs } from '../record/types.ts';
import type { BootstrapMethod } from '../statistics/bootstrap.ts';
import type { Interval } from '../statistics/student.ts';

/** A run as a comparison reads it: its records, and what proves that only the named tensors changed. */
export interface ComparedRun extends RunData {
  tensors?: TensorProofs;
  /** The last word of the run's events on the identity of its expansion. */
  identity?: { state: ProofState; detail: string };
  /** `keep: {best: TASK}`: the step whose weights are the result, and by what it was chosen. */
  kept?: { task: string; step: number; metric: string; value: number };
  /** `base_precision`: nats per token before training, with the weights as stored and as computed with. */
  precision?: { kind: 'bfloat16' | 'int4'; tokens: number; stored: number; lowered: number };
  /** Not a run: results that were read from files, and what made them. */
  source?: ResultSource;
}

/** Where results come from that are no run of Strata's. */
export interface ResultSource {
  /** `lm-evaluation-harness 0.4.13`, `strata evaluate`. */
  program: string;
  /** The model's name as it is written there. */
  model?: string;
  /** File or folder, as shown. */
  path: string;
}

/** A run that the experiment asks for. */
export interface PlannedRun {
  id: string;
  arm: string;
  /** Undefined: the arm is only evaluated and pairs with every seed. */
  seed?: number;
  tasks: string[];
  /** Of `tasks`: those whose recorded results answer an older version of the task, and were left out. */
  outdated?: string[];
}

/** An older run of the same experiment that the file no longer resolves to. */
export interface StaleRun {
  id: string;
  arm: string;
  seed?: number;
  state: RunState;
  /** Id of the newer run of the same work that counts instead (`run --fresh`). */
  newer?: string;
}

export interface CompareInput {
  title: string;
  /** The experiment file, as shown; undefined when single runs are compared. */
  file?: string;
  compare: CompareSpec;
  /** In the order of the file. */
  arms: string[];
  planned: PlannedRun[];
  /** Arms that cannot be planned yet, with the reason as a sentence. */
  pending: { arm: string; reason: string }[];
  /** Runs of `planned` that exist, whatever their state. */
  runs: ComparedRun[];
  stale: StaleRun[];
  /** What the experiment's analysis measured, once it has finished. */
  importance?: ImportanceRecord;
  /** Other models that were measured on the same corpus, or whose analyses were chosen. */
  measured?: MeasuredModel[];
  /** Warnings about the experiment that bear on its numbers, e.g. contamination. */
  warnings?: string[];
  /** Documents that share a run of 13 words with what is trained on. */
  overlaps?: Contamination[];
}

/** One task's documents that share a run of 13 words with the corpora that are trained on. */
export interface Contamination {
  task: string;
  corpora: string[];
  /** All documents of the task. */
  documents: number;
  /** `doc_id`s. */
  overlapping: number[];
}

/** A model that was measured, as it is called in a chart. */
export interface MeasuredModel {
  name: string;
  /** The arm whose trained model it is. */
  arm?: string;
  importance: ImportanceRecord;
}

export interface CompareOptions {
  /** Seed of the bootstrap. */
  seed?: number;
  resamples?: number;
  /** Documents of each contrast whose text is kept, each way. */
  shownFlips?: number;
  /** The largest forgetting that counts as none (see `equivalence.ts`); 0.02 unless told otherwise. */
  margin?: number | undefined;
}

export type Role = 'gain' | 'forgetting' | 'other';

/** One metric of one task: a column of the comparison. */
export interface ComparedMetric {
  task: string;
  metric: string;
  role: Role;
  /** What the number is: share of documents, bits, …; metrics of different units are never averaged. */
  unit: string;
  higherIsBetter: boolean;
}

export type Verdict = 'better' | 'worse' | 'not distinguishable' | 'not enough data';

/** `arm` against `against` on one metric, over documents and seeds that both have. */
export interface Contrast {
  arm: string;
  against: string;
  task: string;
  metric: string;
  role: Role;
  verdict: Verdict;
  /** Why there is not enough data, as a sentence. */
  reason?: string;
  /** Paired documents: same `doc_id`, `prompt_hash` and `target_hash` in every run. */
  documents: number;
  /** Documents that some run has and that could not be paired. */
  unpaired: number;
  /** Seeds that both arms have; empty when neither arm has a seed. */
  seeds: number[];
  /** Mean over seeds of the metric on the paired documents. */
  value?: number;
  againstValue?: number;
  /**
   * The difference, signed by the role: for forgetting, positive means that `arm` forgot more (worse); for gain and all
   * other metrics, positive means that `arm` is better.
   */
  effect?: number;
  /** The 95 % interval of `effect` that the verdict rests on: over documents and seeds together from three seeds on, else over documents. */
  interval?: Interval;
  /** 95 % bootstrap interval of `effect` over documents, these seeds taken as given. */
  documentInterval?: Interval;
  /** How `documentInterval` was made. */
  documentMethod?: BootstrapMethod;
  /** 95 % t interval of `effect` over seeds, these documents taken as given; absent below two seeds. */
  seedInterval?: Interval;
  /** The tests that the verdict rests on, in words; empty where there is not enough data. */
  tests: string[];
  /** p-value of the verdict: the largest of its tests' (`test`); `adjusted` by Holm over the tasks of these two arms. */
  significance?: { test: string; p: number; adjusted: number };
  /** For yes/no metrics: documents that `arm` answers and `against` does not (by the majority of seeds), and the reverse. */
  flips?: { gained: number[]; lost: number[] };
  /** Exact McNemar test of the flips, for one seed; `adjusted` by Holm over the tasks of these two arms. */
  mcnemar?: { p: number; adjusted: number };
  /** For forgetting: whether the effect is shown to lie within ±margin. */
  equivalence?: Equivalence;
  /** The same without the documents that overlap with what was trained on; absent where none does. */
  clean?: CleanContrast;
}

/** Two one-sided tests (TOST) at 5 %: over documents or, from three seeds, over documents and seeds together; `p` is the larger. */
export interface Equivalence {
  margin: number;
  p: number;
  holds: boolean;
  test: string;
}

export type CleanContrast = Pick<
  Contrast,
  | 'verdict'
  | 'reason'
  | 'documents'
  | 'value'
  | 'againstValue'
  | 'effect'
  | 'interval'
  | 'documentInterval'
  | 'documentMethod'
  | 'seedInterval'
>;

export type ProofState = 'holds' | 'broken' | 'not-applicable' | 'absent';
export interface Proof {
  state: ProofState;
  detail: string;
}

export interface ArmRun {
  id: string;
  seed?: number;
  state: RunState;
  /** sha256 of what decided the weights. */
  hash: string;
  /** sha256 of the base model. */
  model: string;
  device: string;
  threads: number;
  version: string;
  identity: Proof;
  frozen: Proof;
  /** Seconds of optimizer steps; undefined when nothing was trained. */
  trainSeconds?: number;
}

/** One arm's value on one metric. */
export interface ArmValue {
  task: string;
  metric: string;
  /** Mean over seeds. */
  value: number;
  /** Sample standard deviation over seeds; absent below two. */
  seedDeviation?: number;
  /** 95 % t interval of `value` over seeds; absent below two. */
  seedInterval?: Interval;
  /** Mean over seeds without the documents that overlap with what was trained on; absent where none does. */
  clean?: { value: number; documents: number };
  /** As `scores.json` has them. */
  seeds: { seed?: number; value: number; stderr: number | null; n: number }[];
}

export interface ComparedArm {
  name: string;
  /** What was changed, one phrase each: blocks inserted, layers pruned, tensors trained. */
  changes: string[];
  trainedParameters?: number;
  totalParameters?: number;
  steps?: number;
  /** Mean over seeds. */
  trainSeconds?: number;
  runs: ArmRun[];
  values: ArmValue[];
}

export interface MissingRun {
  arm: string;
  seed?: number;
  /** In words: `not started`, `running`, `failed: …`, `has no results for …`. */
  reason: string;
}

/** Mean over seeds with the smallest and largest seed, by optimizer steps completed. */
export interface CurvePoint {
  step: number;
  mean: number;
  low: number;
  high: number;
}
export interface Curve {
  arm: string;
  /** Seeds that reach every point. */
  seeds: number;
  /** Consecutive records averaged into one point. */
  stride: number;
  points: CurvePoint[];
}

/** A flipped document in words. */
export interface DocumentText {
  doc: number;
  /** The end of the prompt. */
  context: string;
  expected: string;
  /** By arm, its first seed. */
  answers: Record<string, string>;
}

/** What every view draws (design §2). None computes a statistic. */
export interface Comparison {
  title: string;
  file?: string;
  version: string;
  method: { level: number; resamples: number; seed: number; minimumDocuments: number; margin: number };
  baseline?: string;
  subject?: string;
  /** Gain first, then forgetting in the order of the file, then the other evaluated tasks. */
  metrics: ComparedMetric[];
  arms: ComparedArm[];
  /** Every arm against the baseline, then the subject against every other arm; each in the order of arms and metrics. */
  contrasts: Contrast[];
  missing: MissingRun[];
  stale: StaleRun[];
  overlaps: Contamination[];
  /** What a reader must know besides: documents that could not be paired, differing devices or models. */
  notes: string[];
  /** Keys of training that differ between trained arms. */
  differences: { key: string; values: Record<string, string> }[];
  lossCurves: Curve[];
  scoreCurves: { task: string; metric: string; curves: Curve[] }[];
  /** Importance of the base's layers, if it was measured. */
  importance?: ImportanceRecord;
  /** Other models that were measured: checkpoints, sizes, what became of an arm. */
  measured?: MeasuredModel[];
  /** Texts of flipped documents, by task. */
  documents: Record<string, DocumentText[]>;
}
