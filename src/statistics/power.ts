import { normalCdf } from './normal.ts';
import { incompleteBeta, logGamma, studentQuantile } from './student.ts';

/**
 * Distribution function of the noncentral t with `degrees` degrees of freedom and noncentrality δ: for t ≥ 0
 * Φ(−δ) + ½ Σ [pⱼ I_x(j+½, ν/2) + qⱼ I_x(j+1, ν/2)], x = t²/(ν + t²) (Lenth 1989, "Algorithm AS 243"). Made for |δ| < 37,
 * beyond which e^(−δ²/2) underflows.
 */
export function noncentralStudentCdf(t: number, degrees: number, delta: number): number {
  if (t < 0) return 1 - noncentralStudentCdf(-t, degrees, -delta);
  const x = (t * t) / (degrees + t * t);
  const rest = degrees / (degrees + t * t);
  const half = (delta * delta) / 2;
  let total = 0;
  // Weights of the sum, by their logarithms: they rise to a largest one near δ²/2 and then fall for good.
  for (let j = 0; j < 10_000; j++) {
    const logP = j * Math.log(half) - half - logGamma(j + 1);
    const logQ = j * Math.log(half) - half - logGamma(j + 1.5);
    const p = half === 0 ? (j === 0 ? 1 : 0) : Math.exp(logP);
    const q = half === 0 ? 0 : (delta / Math.SQRT2) * Math.exp(logQ);
    const term = p * incompleteBeta(x, j + 0.5, degrees / 2, rest) + q * incompleteBeta(x, j + 1, degrees / 2, rest);
    total += term;
    if (j > half && Math.abs(term) < 1e-17) break;
  }
  return Math.min(1, Math.max(0, normalCdf(-delta) + total / 2));
}

export interface PowerOptions {
  /** Confidence level of the two-sided interval; 0.95 unless told otherwise. */
  level?: number;
  /** Chance of seeing the difference; 0.8 unless told otherwise. */
  power?: number;
}

/** Chance that a two-sided t interval of n paired differences excludes zero when their mean is `effect` standard deviations. */
export function pairedPower(n: number, effect: number, { level = 0.95 }: PowerOptions = {}): number {
  const degrees = n - 1;
  const critical = studentQuantile((1 + level) / 2, degrees);
  const delta = effect * Math.sqrt(n);
  return 1 - noncentralStudentCdf(critical, degrees, delta) + noncentralStudentCdf(-critical, degrees, delta);
}

/** The mean, in standard deviations of the n paired differences, that is seen with the power asked for; NaN below two. */
export function detectableEffect(n: number, options: PowerOptions = {}): number {
  if (n < 2) return Number.NaN;
  const { power = 0.8 } = options;
  let low = 0;
  let high = 1;
  while (pairedPower(n, high, options) < power) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (pairedPower(n, middle, options) < power) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

export interface Detectable {
  /** Over documents alone, each averaged over seeds. */
  documents: number;
  /** Over seeds alone; undefined below three, where a verdict does not ask them. */
  seeds?: number;
  /** What a verdict can see: the larger of the two, since it needs both intervals. */
  difference: number;
}

export interface DetectableOptions extends PowerOptions {
  documents: number;
  /** Of each arm; 1 for arms without seeds. */
  seeds: number;
  /** Share of documents whose answer differs between two arms of one seed, in either direction. */
  changed: number;
  /** Share of that change which every seed repeats, 0 to 1; the rest is drawn anew by each seed. */
  repeated?: number;
}

/**
 * The smallest difference of two shares of right answers that the rule of the verdicts finds with the power asked for. A paired
 * difference of yes/no answers is −1, 0 or 1, so its variance is about the share that changed; what seeds do not repeat
 * shrinks with their number, and is what they differ by.
 */
export function detectableDifference(options: DetectableOptions): Detectable {
  const { documents, seeds, changed, repeated = 0 } = options;
  const own = changed * (1 - repeated);
  const overDocuments = detectableEffect(documents, options) * Math.sqrt(changed * repeated + own / seeds);
  if (seeds < 3) return { documents: overDocuments, difference: overDocuments };
  const overSeeds = detectableEffect(seeds, options) * Math.sqrt(own / documents);
  return { documents: overDocuments, seeds: overSeeds, difference: Math.max(overDocuments, overSeeds) };
}
