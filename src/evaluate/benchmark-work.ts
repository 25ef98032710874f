import type { BenchmarkPart } from '../data/benchmark-data.ts';
import type { BenchmarkTask } from '../experiment/types.ts';
import type { TaskRequest } from '../plan/types.ts';
import type { SingleBenchmark } from '../tasks/benchmarks/types.ts';
import type { Selection } from '../tasks/selection.ts';
import type { EvaluationTools, OnProgress, TaskResult } from './types.ts';

export type BenchmarkRequest = TaskRequest & { spec: BenchmarkTask };

/** One part, read and ready: how many documents its split has and how many are asked, and the evaluation itself. */
export interface Prepared {
  documents: number;
  asked: number;
  evaluate(onProgress: OnProgress): Promise<TaskResult>;
}

/** What a form of benchmark is prepared with. */
export interface Work<B extends SingleBenchmark> {
  row: B;
  part: BenchmarkPart;
  task: BenchmarkRequest;
  tools: EvaluationTools;
  selection: Selection;
}

/** The end token as text is a stop string, too (lm_eval/models/huggingface.py, `generate_until`). */
export function endText({ tools: { tokenizer } }: Pick<Work<SingleBenchmark>, 'tools'>): string[] {
  if (tokenizer?.eosId === undefined) return [];
  return [tokenizer.decode([tokenizer.eosId], { skipSpecialTokens: false })];
}
