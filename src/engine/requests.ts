import { fail } from '../base/problem.ts';
import type { ModelConfig } from '../model/types.ts';
import type { ScoreRequest } from './types.ts';

/** One request as a forward pass sees it. */
export interface Prepared {
  /** Input ids: context and continuation without the last token, cut off at the left to the model's positions. */
  input: readonly number[];
  /** Positions of `input` whose next token is scored, and that token. */
  scored: { position: number; target: number }[];
  /** Tokens cut off. */
  truncated: number;
}

/**
 * `(context + continuation)[-(positions + 1):][:-1]` (lm_eval/models/huggingface.py, `_loglikelihood_tokens`). Fails with
 * `invalid-request`, `invalid-token`.
 */
export function prepare(request: ScoreRequest, config: ModelConfig, place: string): Prepared {
  const { context, continuation, scored } = request;
  const { maxPositions, vocabSize } = config;
  if (context.length === 0 || continuation.length === 0) {
    fail('invalid-request', `A request has no ${context.length === 0 ? 'context' : 'continuation'}.`, { place });
  }
  if (continuation.length > maxPositions) {
    fail(
      'invalid-request',
      `A continuation of ${continuation.length} tokens does not fit the model's ${maxPositions} positions.`,
      { place, remedy: 'Cut it into several requests.' },
    );
  }
  const all = [...context, ...continuation];
  checkIds(all, vocabSize, place);
  const truncated = Math.max(0, all.length - (maxPositions + 1));
  const input = all.slice(truncated, -1);
  const first = input.length - continuation.length;
  return {
    input,
    truncated,
    scored: continuation.flatMap((target, i) => (scored?.[i] === false ? [] : [{ position: first + i, target }])),
  };
}

/** Fails with `invalid-token` for an id that the model does not have. */
export function checkIds(ids: readonly number[], vocabSize: number, place: string): void {
  const wrong = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (wrong === undefined) return;
  fail('invalid-token', `${wrong} is no token of the model: its ids are 0 to ${vocabSize - 1}.`, {
    place,
    remedy: 'Use the tokenizer of this model.',
  });
}

/**
 * Which sequences have to be computed: a sequence that is the beginning of another needs no pass of its own, since no
 * position sees what comes after it. `owner[i]` is the index in `sequences` of the one that computes input i.
 */
export function shareBeginnings(inputs: readonly (readonly number[])[]): {
  sequences: (readonly number[])[];
  owner: number[];
} {
  const order = inputs.map((_, i) => i).sort((a, b) => compare(inputs[a]!, inputs[b]!));
  const sequences: (readonly number[])[] = [];
  const owner = new Array<number>(inputs.length);
  // In lexicographic order the sequences that begin with another stand right behind it.
  for (const i of order.reverse()) {
    const last = sequences.at(-1);
    if (!last || !beginsWith(last, inputs[i]!)) sequences.push(inputs[i]!);
    owner[i] = sequences.length - 1;
  }
  return { sequences, owner };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function beginsWith(whole: readonly number[], part: readonly number[]): boolean {
  return part.length <= whole.length && part.every((id, i) => id === whole[i]);
}
