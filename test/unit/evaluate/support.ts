import type { Tokenizer } from '../../../src/data/types.ts';
import type { Generator, ScoreRequest, ScoreResult, Scorer } from '../../../src/engine/types.ts';
import type { EvaluationTools } from '../../../src/evaluate/types.ts';

/**
 * A tokenizer that can be worked out by hand: one token per code point (its number), BOS 1, EOS 2, and the pair "th" as
 * one token 3, so that a token can span a boundary.
 */
export function handTokenizer(options: { addsBos?: boolean; bos?: boolean } = {}): Tokenizer {
  const { addsBos = true, bos = true } = options;
  return {
    encode(text, { addSpecialTokens = true } = {}) {
      const ids = addsBos && addSpecialTokens ? [1] : [];
      for (const [piece] of text.matchAll(/<s>|th|./gsu)) {
        ids.push(piece === '<s>' ? 1 : piece === 'th' ? 3 : piece.codePointAt(0)!);
      }
      return ids;
    },
    decode: (ids, { skipSpecialTokens = true } = {}) =>
      ids
        .filter((id) => !(skipSpecialTokens && id < 3))
        .map((id) => (id === 1 ? '<s>' : id === 2 ? '</s>' : id === 3 ? 'th' : String.fromCodePoint(id)))
        .join(''),
    renderChat: (messages, { addGenerationPrompt = false } = {}) =>
      `<s>${messages.map((m) => `[${m.role}]${m.content}`).join('')}${addGenerationPrompt ? '[assistant]' : ''}`,
    hasChatTemplate: true,
    bosId: bos ? 1 : undefined,
    eosId: 2,
    addsBos,
    addsEos: false,
    size: 0x110000,
  };
}

/** Tools whose log-likelihood is given by a function, and whose generator gives fixed texts in order. */
export function fakeTools(
  loglikelihood: (request: ScoreRequest, index: number) => number,
  texts: readonly string[] = [],
  tokenizer: Tokenizer = handTokenizer(),
): EvaluationTools & { requests: ScoreRequest[]; prompts: (readonly number[])[] } {
  const requests: ScoreRequest[] = [];
  const prompts: (readonly number[])[] = [];
  const scorer = {
    model: { config: { maxPositions: 64, eosTokenIds: [2] } },
    score: answer,
    likelihoods: answer,
  } as unknown as Scorer;
  async function answer(asked: readonly ScoreRequest[]): Promise<ScoreResult[]> {
    requests.push(...asked);
    return asked.map((request, i) => ({
      loglikelihood: loglikelihood(request, i),
      isGreedy: false,
      tokens: request.scored?.filter(Boolean).length ?? request.continuation.length,
      truncated: Math.max(0, request.context.length + request.continuation.length - 65),
    }));
  }
  const generator = {
    async generate(asked: readonly (readonly number[])[]) {
      prompts.push(...asked);
      return asked.map((_, i) => [...texts[i]!].map((c) => c.codePointAt(0)!));
    },
  } as unknown as Generator;
  return { scorer, generator, tokenizer, requests, prompts };
}
