import type { SampleRecord } from '../record/types.ts';
import { type Metric, metricOf } from '../tasks/metrics.ts';

/** How a metric's value is made of documents: `of(Σ numerator / Σ denominator)`. */
export interface Composition {
  /** Undefined where the document does not have it. */
  numerator(sample: SampleRecord): number | undefined;
  denominator(sample: SampleRecord): number | undefined;
  of(ratio: number): number;
}

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

function negativeLoglikelihood(sample: SampleRecord): number | undefined {
  const loglikelihood = number(sample['loglikelihood']);
  return loglikelihood === undefined ? undefined : -loglikelihood;
}

/** Nats per unit of text, and what is made of them (lm-evaluation-harness `api/metrics.py`, weighted perplexities). */
const ratios: Record<string, { per: 'bytes' | 'words' | 'tokens'; of: (nats: number) => number }> = {
  bits_per_byte: { per: 'bytes', of: (nats) => nats / Math.LN2 },
  byte_perplexity: { per: 'bytes', of: Math.exp },
  word_perplexity: { per: 'words', of: Math.exp },
  token_perplexity: { per: 'tokens', of: Math.exp },
};

export function compositionOf({ name }: Metric): Composition {
  const ratio = ratios[name];
  return ratio
    ? { numerator: negativeLoglikelihood, denominator: (sample) => number(sample[ratio.per]), of: ratio.of }
    : { numerator: (sample) => number(sample[name]), denominator: () => 1, of: (mean) => mean };
}

/** The metrics that speak for a task which names none, the first that was recorded (design §4, Tasks). */
const primary = ['acc', 'exact_match', 'exact_match_strict', 'pass@1', 'bits_per_byte', 'token_perplexity'];

/** The metric that speaks for a task among those recorded; undefined if none of them is known. */
export function primaryMetric(recorded: readonly string[]): string | undefined {
  return primary.find((metric) => recorded.includes(metric)) ?? recorded.find((metric) => metricOf(metric));
}
