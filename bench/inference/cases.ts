import type { ScoreRequest } from '../../src/engine/types.ts';
import { shapes, token } from '../training/shapes.ts';

/** What one step of the benchmark asks of a model; lengths in tokens. */
export type Case = { what: string; target: number } & (
  | { kind: 'choices'; questions: number; choices: number; prefix: number; choice: number; batch: number }
  | { kind: 'score'; batch: number; sequence: number }
  | { kind: 'generate'; batch: number; prompt: number; tokens: number }
);

/** The model of all cases: 45.5M parameters in 14 layers, 8,192 tokens. */
export const config = shapes['B']!.config;

/** `target` is the ratio that is asked for: the time of transformers over ours. */
export const cases: Record<string, Case> = {
  choices: {
    what: '4 questions with 4 choices of 8 tokens after a prefix of 600',
    target: 2.5,
    kind: 'choices',
    questions: 4,
    choices: 4,
    prefix: 600,
    choice: 8,
    batch: 8,
  },
  score: { what: 'scoring of 8 × 256 tokens', target: 1.2, kind: 'score', batch: 8, sequence: 256 },
  greedy1: { what: 'greedy, batch 1, 16 + 64 tokens', target: 1.2, kind: 'generate', batch: 1, prompt: 16, tokens: 64 },
  greedy16: {
    what: 'greedy, batch 16, 16 + 64 tokens',
    target: 1,
    kind: 'generate',
    batch: 16,
    prompt: 16,
    tokens: 64,
  },
};

/** `length` tokens of row `row` of step `step`: the same in engine.py. */
export function tokens(step: number, row: number, length: number): number[] {
  return Array.from({ length }, (_, i) => token(step, row, i, config.vocabSize));
}

/** Requests of the cases that score; the rows of the choices are numbered from 1000. */
export function requestsOf(c: Extract<Case, { kind: 'choices' | 'score' }>, step: number): ScoreRequest[] {
  if (c.kind === 'score') {
    return Array.from({ length: c.batch }, (_, row) => {
      const [first = 0, ...continuation] = tokens(step, row, c.sequence);
      return { context: [first], continuation };
    });
  }
  return Array.from({ length: c.questions * c.choices }, (_, i) => ({
    context: tokens(step, Math.floor(i / c.choices), c.prefix),
    continuation: tokens(step, 1000 + i, c.choice),
  }));
}

/** What a step computes over: tokens scored with those before them, or tokens generated. */
export function countOf(c: Case): { unit: string; count: number } {
  if (c.kind === 'choices') return { unit: 'questions/s', count: c.questions };
  if (c.kind === 'score') return { unit: 'tokens/s', count: c.batch * c.sequence };
  return { unit: 'new tokens/s', count: c.batch * c.tokens };
}
