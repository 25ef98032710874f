import { sha256 } from '../../base/hash.ts';
import { fail } from '../../base/problem.ts';
import { permutation, type Random, random } from '../../base/random.ts';
import type { ChoiceDocument } from '../documents.ts';
import type { Fact } from './facts.ts';

export interface RecallOptions {
  /** Choices of a question, the answer among them. */
  choices: number;
  /** Share of the facts that is asked about but never stated. */
  holdout: number;
  seed: number;
}

export interface RecallQuestion extends ChoiceDocument {
  kind: string;
  fact: string;
}

export interface Recall {
  /** Sentences to train on, in seeded order: of the facts that are not held out. */
  corpus: string[];
  /** Questions about them. */
  recall: RecallQuestion[];
  /** Questions about the facts that are held out: what is right here was guessed. */
  control: RecallQuestion[];
}

/**
 * A choice task out of facts.
 * 1. Hold-out by fact: by the hash of the fact's name, so that every sentence of a fact is on one side, for every seed.
 * 2. Distractors are the answers of other facts of the same kind, dealt out so that every text is a distractor exactly
 *    choices − 1 times as often as it is an answer: then neither length nor format nor frequency tells an answer from a
 *    distractor. (Choosing those nearest in length would make the answer the one of middle length.) An answer of more than
 *    one fact in `choices` cannot be hidden so; the check for giveaways finds it.
 * 3. Positions of the answers are spread evenly, in seeded order.
 * Fails with `invalid-facts` where a kind has too few answers, or a side of the hold-out no fact.
 */
export function makeRecall(facts: readonly Fact[], options: RecallOptions): Recall {
  const { choices, holdout, seed } = options;
  const kinds = new Map<string, Fact[]>();
  for (const fact of facts) kinds.set(fact.kind, [...(kinds.get(fact.kind) ?? []), fact]);
  const generator = random('recall', seed);
  const distractors = new Map<Fact, string[]>();
  for (const [kind, own] of kinds) {
    const different = new Set(own.map((f) => f.answer)).size;
    if (different < choices)
      fail('invalid-facts', `The kind "${kind}" has ${different} different answers; ${choices} choices need as many.`, {
        remedy: 'Add facts of this kind, join kinds, or ask for fewer choices.',
      });
    const dealt = deal(
      own.map((f) => f.answer),
      choices - 1,
      generator,
    );
    for (const [i, fact] of own.entries()) distractors.set(fact, dealt[i]!);
  }
  const held = facts.filter(({ id }) => isHeldOut(id, holdout));
  const stated = facts.filter(({ id }) => !isHeldOut(id, holdout));
  if (stated.length === 0 || (holdout > 0 && held.length === 0))
    fail('invalid-facts', `Of ${facts.length} facts ${held.length} are held out; there must be some on both sides.`, {
      remedy: 'Add facts, or change --holdout.',
    });
  const texts = stated.flatMap((fact) => fact.texts);
  return {
    corpus: Array.from(permutation(texts.length, generator), (i) => texts[i]!),
    recall: ask(stated, distractors, generator),
    control: ask(held, distractors, generator),
  };
}

function isHeldOut(id: string, share: number): boolean {
  return Number.parseInt(sha256(`hold-out ${id}`).slice(0, 12), 16) / 16 ** 12 < share;
}

function ask(
  facts: readonly Fact[],
  distractors: ReadonlyMap<Fact, readonly string[]>,
  generator: Random,
): RecallQuestion[] {
  const positions = permutation(facts.length, generator);
  return facts.map((fact, i) => {
    const others = distractors.get(fact)!;
    const gold = positions[i]! % (others.length + 1);
    const choices = others.toSpliced(gold, 0, fact.answer);
    return { context: fact.question, choices, gold, kind: fact.kind, fact: fact.id };
  });
}

/** Tries to find a partner for a swap before another text is drawn. */
const tries = 1000;

/**
 * `count` texts for each answer, different from it and each other: `count` times the answers themselves, in another order
 * each time. What collides is swapped with a partner where both then fit; where there is none, another text is drawn.
 */
function deal(answers: readonly string[], count: number, generator: Random): string[][] {
  const hands = answers.map((): string[] => []);
  const n = answers.length;
  for (let round = 0; round < count; round++) {
    const dealt = Array.from(permutation(n, generator), (i) => answers[i]!);
    const fits = (text: string, i: number) => text !== answers[i] && !hands[i]!.includes(text);
    for (let i = 0; i < n; i++) {
      for (let t = 0; t < tries && !fits(dealt[i]!, i); t++) {
        const j = generator.below(n);
        const [mine, theirs] = [dealt[i]!, dealt[j]!];
        if (!fits(theirs, i) || (fits(theirs, j) && !fits(mine, j))) continue;
        dealt[i] = theirs;
        dealt[j] = mine;
      }
      while (!fits(dealt[i]!, i)) dealt[i] = answers[generator.below(n)]!;
    }
    for (const [i, text] of dealt.entries()) hands[i]!.push(text);
  }
  return hands;
}
