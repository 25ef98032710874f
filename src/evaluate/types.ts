import type { Tokenizer } from '../data/types.ts';
import type { Generator, OnProgress, Scorer } from '../engine/types.ts';
import type { SampleRecord, Scores } from '../record/types.ts';
import type { SandboxKind } from './sandbox/open.ts';
import type { Sandbox } from './sandbox/types.ts';

export type { OnProgress };

/** What an evaluation works with; `generator` is used by tasks that generate only. */
export interface EvaluationTools {
  scorer: Scorer;
  generator: Generator;
  /** Absent for a model without one: only token rows can be evaluated then. */
  tokenizer?: Tokenizer;
  /** Where generated programs run; that of `sandbox/open.ts` by default. */
  openSandbox?: (kind: SandboxKind) => Promise<Sandbox>;
}

export interface TaskResult {
  /** Of this task: metric → value. */
  scores: Scores[string];
  /** One record per document, in document order (design §5). */
  samples: SampleRecord[];
  /** What the reader of the scores should know, e.g. that contexts were cut off. */
  warnings: string[];
}
