/** What a number says, so that no view has to guess: its unit, which way is better, and how it is averaged. */
export interface Metric {
  name: string;
  /** For people: `share of documents`. */
  unit: 'share' | 'perplexity' | 'bits per byte';
  direction: 'higher' | 'lower';
  /**
   * `mean` of one value a document; `ratio` of two sums over documents (intervals resample numerator and denominator
   * together, design §7).
   */
  aggregation: 'mean' | 'ratio';
  /** One line for tables and hovers. */
  summary: string;
}

const share = (name: string, summary: string): Metric => ({
  name,
  unit: 'share',
  direction: 'higher',
  aggregation: 'mean',
  summary,
});
const ratio = (name: string, unit: Metric['unit'], summary: string): Metric => ({
  name,
  unit,
  direction: 'lower',
  aggregation: 'ratio',
  summary,
});

/** Every metric of `scores.json` (design §5); formulas as in lm-evaluation-harness (`api/metrics.py`). */
export const metrics: Metric[] = [
  share('acc', 'the choice with the highest log-likelihood is the answer'),
  share('acc_norm', 'the same, log-likelihood divided by the Unicode characters of the choice'),
  share('acc_bytes', 'the same, log-likelihood divided by the UTF-8 bytes of the choice'),
  share('exact_match', 'the extracted answer equals a reference answer'),
  share('exact_match_strict', 'the number after `####` equals the reference'),
  share('exact_match_flexible', 'the last number equals the reference'),
  share('pass@1', 'the generated program passes the tests'),
  ratio('word_perplexity', 'perplexity', 'exp of the negative log-likelihood per word'),
  ratio('byte_perplexity', 'perplexity', 'exp of the negative log-likelihood per UTF-8 byte'),
  ratio('bits_per_byte', 'bits per byte', 'negative log-likelihood in bits per UTF-8 byte'),
  ratio('token_perplexity', 'perplexity', 'exp of the negative log-likelihood per token; only within one tokenizer'),
];

const byName = new Map(metrics.map((m) => [m.name, m]));

/** The row of a metric, or undefined for an unknown name. `pass@k` is known for every k. */
export function metricOf(name: string): Metric | undefined {
  const known = byName.get(name);
  if (known) return known;
  const k = /^pass@([1-9]\d*)$/.exec(name)?.[1];
  return k === undefined ? undefined : share(name, `one of ${k} generated programs passes the tests`);
}

/**
 * Change from `before` to `after`, positive when it is an improvement (a gain; forgetting is its negative).
 * Throws on an unknown metric.
 */
export function improvement(name: string, before: number, after: number): number {
  const metric = metricOf(name);
  if (!metric) throw new Error(`no such metric: ${name}`);
  return metric.direction === 'higher' ? after - before : before - after;
}
