import type { SampleRecord } from '../record/types.ts';
import type { Metric } from '../tasks/metrics.ts';

export { primaryMetric } from '../tasks/primary.ts';

/** How a metric's value is made of documents: `of(Σ numerator / Σ denominator)`. */
export interface Composition {
  /** Undefined where the document does not have it. */
  numerator(sample: SampleRecord): number | undefined;
  denominator(sample: SampleRecord): number | undefined;
  of(ratio: number): number;
  /** `of(x) = slope · x`; undefined where it is no such line. */
  slope?: number;
  /** A single document may count for any amount, unlike an answer that is right or wrong. */
  unbounded: boolean;
}

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

function negativeLoglikelihood(sample: SampleRecord): number | undefined {
  const loglikelihood = number(sample['loglikelihood']);
  return loglikelihood === undefined ? undefined : -loglikelihood;
}

/** Nats per unit of text, and what is made of them (lm-evaluation-harness `api/metrics.py`, weighted perplexities). */
const ratios: Record<string, { per: 'bytes' | 'words' | 'tokens'; of: (nats: number) => number; slope?: number }> = {
  bits_per_byte: { per: 'bytes', of: (nats) => nats / Math.LN2, slope: 1 / Math.LN2 },
  byte_perplexity: { per: 'bytes', of: Math.exp },
  word_perplexity: { per: 'words', of: Math.exp },
  token_perplexity: { per: 'tokens', of: Math.exp },
};

export function compositionOf({ name }: Pick<Metric, 'name'>): Composition {
  const ratio = ratios[name];
  if (!ratio)
    return { numerator: (s) => number(s[name]), denominator: () => 1, of: (mean) => mean, slope: 1, unbounded: false };
  const { per, ...rest } = ratio;
  return { numerator: negativeLoglikelihood, denominator: (sample) => number(sample[per]), unbounded: true, ...rest };
}
