import { normalCdf, normalDensity, normalQuantile } from './normal.ts';
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
  return smallestWith(power, (effect) => pairedPower(n, effect, options));
}

/** The smallest effect that is seen with this power, which grows with the effect. */
function smallestWith(power: number, powerOf: (effect: number) => number): number {
  let low = 0;
  let high = 1;
  while (powerOf(high) < power) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (powerOf(middle) < power) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Nodes y and weights of the mean over χ²_ν/ν: the trapezoidal rule in ln y, which converges as fast as the smooth density
 * falls off at both ends.
 */
function chiSquareNodes(degrees: number, fineness = 0.3): { y: number; weight: number }[] {
  const step = fineness * Math.sqrt(2 / degrees);
  const half = degrees / 2;
  const nodes: { y: number; weight: number }[] = [];
  for (let u = -Math.ceil(80 / degrees / step) * step; u < 5; u += step) {
    const y = Math.exp(u);
    const weight = step * Math.exp(half * (Math.log(half) + u - y) - logGamma(half));
    if (weight > 1e-14) nodes.push({ y, weight });
  }
  return nodes;
}

/**
 * Half the width of the interval over documents and seeds together, in the normal limit of documents: c with
 * P(|√seeds · T + √documents · Z| ≤ c) = level, T Student's t with `degrees` degrees of freedom, Z normal (Behrens–Fisher).
 * T is normal given its χ², so that the probability is a mean of normal ones.
 */
export function crossedHalfWidth(
  variance: { seeds: number; documents: number },
  degrees: number,
  level = 0.95,
  nodes = chiSquareNodes(degrees),
): number {
  const deviations = nodes.map(({ y }) => Math.sqrt(variance.seeds / y + variance.documents));
  // The probability is concave in c, so that Newton's method comes from below and never overshoots.
  let c = normalQuantile((1 + level) / 2) * Math.sqrt(variance.seeds + variance.documents);
  for (let i = 0; i < 50; i++) {
    let [inside, slope] = [0, 0];
    for (const [k, { weight }] of nodes.entries()) {
      inside += weight * (1 - 2 * normalCdf(-c / deviations[k]!));
      slope += (2 * weight * normalDensity(c / deviations[k]!)) / deviations[k]!;
    }
    const move = (level - inside) / slope;
    c += move;
    if (Math.abs(move) < 1e-12 * c) break;
  }
  return c;
}

/** Chance that the interval over documents and seeds together excludes zero when the difference is `effect`. */
function crossedPower(variance: { seeds: number; documents: number }, seeds: number, { level = 0.95 }: PowerOptions) {
  const error = Math.sqrt(variance.seeds + variance.documents);
  // A plan needs no more than a few digits.
  const nodes = chiSquareNodes(seeds - 1, 0.6).filter(({ weight }) => weight > 1e-6);
  // The spread over seeds is itself seen by chance: σ²·y.
  const halves = nodes.map(({ y, weight }) => ({
    weight,
    half: crossedHalfWidth({ ...variance, seeds: variance.seeds * y }, seeds - 1, level, nodes),
  }));
  return (effect: number) =>
    halves.reduce(
      (total, { weight, half }) =>
        total + weight * (normalCdf((effect - half) / error) + normalCdf((-effect - half) / error)),
      0,
    );
}

export interface Detectable {
  /** For these seeds only: over documents alone, each averaged over seeds. */
  documents: number;
  /** What a verdict can see: from three seeds on over documents and seeds together, else over documents. */
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
 * The smallest difference of two shares of right answers that a verdict finds with the power asked for. A paired difference of
 * yes/no answers is −1, 0 or 1, so its variance is about the share that changed. What every seed repeats is the documents'
 * own, and only more documents make it smaller; what seeds do not repeat shrinks with their number too, and is what they
 * differ by.
 */
export function detectableDifference(options: DetectableOptions): Detectable {
  const { documents: n, seeds, changed, repeated = 0, power = 0.8 } = options;
  const own = changed * (1 - repeated);
  const overDocuments = detectableEffect(n, options) * Math.sqrt(changed * repeated + own / seeds);
  if (seeds < 3) return { documents: overDocuments, difference: overDocuments };
  const powerOf = crossedPower({ seeds: own / seeds / n, documents: (changed * repeated) / n }, seeds, options);
  return { documents: overDocuments, difference: smallestWith(power, powerOf) };
}
