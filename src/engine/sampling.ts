import type { Random } from '../base/random.ts';

/** How a next token is chosen from logits. */
export interface Sampling {
  /** 0 = the likeliest token. */
  temperature: number;
  /** Only the likeliest tokens whose probabilities add up to it (Holtzman et al. 2020); 1 = all. */
  topP: number;
}

/** The index of the token chosen from `logits` [vocab]; the first of equals where it is the likeliest. */
export function chooseToken(logits: Float32Array, { temperature, topP }: Sampling, random: Random): number {
  const best = argmax(logits);
  if (temperature === 0) return best;
  const weights = Float64Array.from(logits, (l) => Math.exp((l - logits[best]!) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  if (topP >= 1) return draw(weights, weights.keys(), random.float() * total);
  const order = Array.from(weights.keys()).sort((a, b) => weights[b]! - weights[a]! || a - b);
  // The nucleus: the shortest beginning of the order that reaches topP.
  let mass = 0;
  let count = 0;
  while (count < order.length && mass < topP * total) mass += weights[order[count++]!]!;
  const nucleus = order.slice(0, Math.max(1, count));
  return draw(weights, nucleus, random.float() * nucleus.reduce((sum, i) => sum + weights[i]!, 0));
}

function draw(weights: Float64Array, order: Iterable<number>, at: number): number {
  let left = at;
  let last = 0;
  for (const i of order) {
    left -= weights[i]!;
    last = i;
    if (left < 0) return i;
  }
  return last;
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
