import type { ScoringPlan } from '../engine/scoring-plan.ts';
import type { Observer } from './scan.ts';
import { angularDistance, cosine } from './similarity.ts';

/** Rows of [batch·sequence] that a request's tokens lie in. */
interface RequestRows {
  batch: number;
  rows: Int32Array;
}

function rowsOf(plan: ScoringPlan, requests: readonly number[]): RequestRows[] {
  return requests.map((request) => {
    const { batch, length, row } = plan.place(request);
    return { batch, rows: Int32Array.from({ length }, (_, position) => row(position)) };
  });
}

/** Sums over the tokens of each request. */
function add(into: Float64Array, requests: readonly RequestRows[], batch: number, perRow: Float64Array): void {
  for (const [i, request] of requests.entries()) {
    if (request.batch !== batch) continue;
    for (const row of request.rows) into[i]! += perRow[row]!;
  }
}

/**
 * `[2·layers·requests]`: for each layer the sum over each request's tokens of the angular distance between the layer's input and
 * output, then of their cosine.
 */
export function turnObserver(layers: number, hidden: number): Observer {
  return {
    name: 'turn',
    open(plan, requests) {
      const places = rowsOf(plan, requests);
      const sums = Array.from({ length: 2 * layers }, () => new Float64Array(requests.length));
      return {
        layer(layer, batch, before, after) {
          const cosines = Float64Array.from({ length: before.length / hidden }, (_, row) =>
            cosine(before, row, after, row, hidden),
          );
          add(sums[layer]!, places, batch, cosines.map(angularDistance));
          add(sums[layers + layer]!, places, batch, cosines);
        },
        finish: () => concatenate(sums),
      };
    },
  };
}

/**
 * `[layers·(layers+1)/2]`: sums over requests of the angular distance, at the last token, between the inputs of layers l and
 * l + n: n = 1 first, each with l from 0 to layers − n (Gromov et al. 2024; the input of "layer L" is the last output).
 */
export function blockObserver(layers: number, hidden: number): Observer {
  return {
    name: 'blocks',
    open(plan, requests) {
      const last = requests.map((request) => {
        const { batch, length, row } = plan.place(request);
        return { batch, row: row(length - 1) };
      });
      const states = Array.from({ length: layers + 1 }, () => new Float32Array(requests.length * hidden));
      const keep = (layer: number, batch: number, values: Float32Array) => {
        for (const [i, at] of last.entries()) {
          if (at.batch !== batch) continue;
          states[layer]!.set(values.subarray(at.row * hidden, (at.row + 1) * hidden), i * hidden);
        }
      };
      return {
        layer(layer, batch, before, after) {
          if (layer === 0) keep(0, batch, before);
          keep(layer + 1, batch, after);
        },
        finish: () =>
          Float64Array.from(
            blockStarts(layers).map(({ from, size }) =>
              last.reduce(
                (sum, _, i) => sum + angularDistance(cosine(states[from]!, i, states[from + size]!, i, hidden)),
                0,
              ),
            ),
          ),
      };
    },
  };
}

/** Every block of neighbouring layers, in the order of `blockObserver`. */
export function blockStarts(layers: number): { from: number; size: number }[] {
  return Array.from({ length: layers }, (_, n) =>
    Array.from({ length: layers - n }, (_, from) => ({ from, size: n + 1 })),
  ).flat();
}

/** What describes a layer's attention, per query: means over heads. */
export const attentionMeasures = ['entropy', 'first_token', 'distance'] as const;
export type AttentionMeasure = (typeof attentionMeasures)[number];

/**
 * `[3·layers·requests]`: for each measure and layer the sum over each request's tokens, without its first, which can look at
 * itself only: entropy of the attention in nats, its share on the first token, and its mean distance in tokens.
 */
export function attentionObserver(layers: number): Observer {
  return {
    name: 'attention',
    open(plan, requests) {
      const places = rowsOf(plan, requests).map(({ batch, rows }) => ({ batch, rows: rows.subarray(1) }));
      const sums = Array.from({ length: 3 * layers }, () => new Float64Array(requests.length));
      return {
        attention(layer, batch, probabilities, positions) {
          const { sequence } = plan.batches[batch]!.shape;
          const measured = describeAttention(probabilities, positions, sequence);
          for (const [m, measure] of attentionMeasures.entries()) {
            add(sums[m * layers + layer]!, places, batch, measured[measure]);
          }
        },
        finish: () => concatenate(sums),
      };
    },
  };
}

/** Per query, means over heads. probabilities [batch, heads, sequence, sequence], positions [batch·sequence]. */
export function describeAttention(
  probabilities: Float32Array,
  positions: Int32Array,
  sequence: number,
): Record<AttentionMeasure, Float64Array> {
  const tokens = positions.length;
  const heads = probabilities.length / (tokens * sequence);
  const measured = {
    entropy: new Float64Array(tokens),
    first_token: new Float64Array(tokens),
    distance: new Float64Array(tokens),
  };
  for (let token = 0; token < tokens; token++) {
    const row = Math.floor(token / sequence);
    const position = positions[token]!;
    for (let head = 0; head < heads; head++) {
      const start = ((row * heads + head) * sequence + (token % sequence)) * sequence;
      for (let key = 0; key < sequence; key++) {
        const p = probabilities[start + key]!;
        if (p === 0) continue;
        const at = positions[row * sequence + key]!;
        measured.entropy[token]! -= (p * Math.log(p)) / heads;
        // The only key at position 0 that a token may look at is the first of its own text.
        if (at === 0) measured.first_token[token]! += p / heads;
        measured.distance[token]! += (p * (position - at)) / heads;
      }
    }
  }
  return measured;
}

function concatenate(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
