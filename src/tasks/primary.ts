import { benchmarkOf, benchmarks } from './benchmarks.ts';
import { taskKinds } from './kinds.ts';
import { metricOf } from './metrics.ts';

/** First metrics of kinds and benchmarks, then what else a kind may record: token rows have no text, so only `token_perplexity`. */
const order = [
  ...new Set([
    ...taskKinds.map((kind) => kind.metrics[0]),
    ...benchmarks.map((benchmark) => benchmark.metrics[0]!),
    ...taskKinds.flatMap((kind) => kind.metrics),
  ]),
];

/**
 * The metric that speaks for a task which names none (design §4, Tasks): of those recorded, the first in the benchmark's own
 * row, else in the rows of kinds and benchmarks. Undefined if none of them is known.
 */
export function primaryMetric(recorded: readonly string[], task?: string): string | undefined {
  const own = (task === undefined ? undefined : benchmarkOf(task)?.metrics) ?? [];
  return [...own, ...order].find((metric) => recorded.includes(metric)) ?? recorded.find((metric) => metricOf(metric));
}
