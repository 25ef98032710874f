import { binomialTest } from '../../statistics/exact.ts';
import { holm } from '../../statistics/holm.ts';
import { codePoints } from '../../tasks/python-text.ts';
import type { RecallQuestion } from './make.ts';

/** A way to choose without knowing anything: the choice with the highest number is taken, equals share the credit. */
interface Guess {
  name: string;
  score(choice: string, question: RecallQuestion, all: Statistics, position: number): number;
}

/** What can be seen of the questions without knowing a fact. */
interface Statistics {
  /** By kind. */
  medianLength: ReadonlyMap<string, number>;
  /** How often a text is the answer, and how often an answer has this form. */
  answers: ReadonlyMap<string, number>;
  forms: ReadonlyMap<string, number>;
}

const guesses: Guess[] = [
  { name: 'the longest choice', score: (choice) => codePoints(choice) },
  { name: 'the shortest choice', score: (choice) => -codePoints(choice) },
  {
    name: 'the choice whose length is most usual',
    score: (choice, { kind }, { medianLength }) => -Math.abs(codePoints(choice) - medianLength.get(kind)!),
  },
  {
    name: 'the choice that is the answer of most other questions',
    score: (choice, { choices, gold }, { answers }) => (answers.get(choice) ?? 0) - (choice === choices[gold] ? 1 : 0),
  },
  {
    name: 'the choice whose form most other answers have',
    score: (choice, { choices, gold }, { forms }) =>
      (forms.get(formOf(choice)) ?? 0) - (formOf(choice) === formOf(choices[gold]!) ? 1 : 0),
  },
  {
    name: 'the choice that differs in form from the others',
    score: (choice, { choices }) => -choices.filter((other) => formOf(other) === formOf(choice)).length,
  },
  {
    name: 'the choice that shares most words with the question',
    score: (choice, { context }) => {
      const asked = new Set(words(context));
      return words(choice).filter((word) => asked.has(word)).length;
    },
  },
  { name: 'the first choice', score: (_choice, _question, _all, position) => -position },
  { name: 'the last choice', score: (_choice, _question, _all, position) => position },
];

/** Letters, capitals, digits and signs as a pattern: `Velden` is `Aa`, `1987` is `9`, `St. Ives` is `Aa. Aa`. */
function formOf(text: string): string {
  return text
    .replace(/\p{Lu}+/gu, 'A')
    .replace(/\p{Ll}+/gu, 'a')
    .replace(/\p{N}+/gu, '9');
}
const words = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** What one guess reaches. */
export interface Giveaway {
  guess: string;
  accuracy: number;
  /** Exact binomial test against chance, two-sided, corrected for the number of guesses (Holm). */
  p: number;
  /** Better than chance: the answers can be read off. */
  aboveChance: boolean;
}

/** A guess counts as a giveaway from this p on, and only if it is better than chance by more than this. */
const significance = 0.01;
const smallest = 0.02;

/** What guesses by length, form, frequency and position reach on questions with the same number of choices each. */
export function giveaways(questions: readonly RecallQuestion[]): Giveaway[] {
  const n = questions.length;
  if (n === 0) return [];
  const chance = 1 / questions[0]!.choices.length;
  const all = statisticsOf(questions);
  const credits = guesses.map((guess) => questions.reduce((sum, question) => sum + credit(guess, question, all), 0));
  // Shared credit is rounded down: the test then errs on the side of chance.
  const p = holm(credits.map((sum) => binomialTest(Math.floor(sum), n, chance)));
  return guesses.map(({ name }, i) => {
    const accuracy = credits[i]! / n;
    return { guess: name, accuracy, p: p[i]!, aboveChance: p[i]! < significance && accuracy > chance + smallest };
  });
}

function credit(guess: Guess, question: RecallQuestion, all: Statistics): number {
  const scores = question.choices.map((choice, i) => guess.score(choice, question, all, i));
  const best = Math.max(...scores);
  return scores[question.gold] === best ? 1 / scores.filter((s) => s === best).length : 0;
}

function statisticsOf(questions: readonly RecallQuestion[]): Statistics {
  const lengths = new Map<string, number[]>();
  const answers = new Map<string, number>();
  const forms = new Map<string, number>();
  for (const { kind, choices, gold } of questions) {
    const answer = choices[gold]!;
    lengths.set(kind, [...(lengths.get(kind) ?? []), codePoints(answer)]);
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    forms.set(formOf(answer), (forms.get(formOf(answer)) ?? 0) + 1);
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return { medianLength: new Map([...lengths].map(([kind, values]) => [kind, median(values)])), answers, forms };
}
