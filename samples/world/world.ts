import { random } from '../../src/base/random.ts';
import { shuffled } from './draw.ts';
import { makeStories, makeSums, type Sum } from './general.ts';
import { answeredQuestions, makePeople, type People, type Question, recallQuestions, statements } from './people.ts';

/** The seed of the committed world. */
export const worldSeed = 1;

/** Everything a model of this world is trained and asked with. */
export interface World {
  people: People;
  /** Statements about the old people, and answered questions about those who are not asked in the test. */
  oldFacts: string[];
  /** Statements about the new people, never in question form. */
  newFacts: string[];
  /** Stories and sums. */
  general: string[];
  recallOld: Question[];
  recallNew: Question[];
  sums: Sum[];
}

/** The world of a seed; the same on every machine. No question of a test occurs in any corpus. */
export function makeWorld(seed = worldSeed): World {
  const people = makePeople(seed);
  const { old, asked, fresh } = people;
  const sums = makeSums(seed);
  const mix = <T>(list: readonly T[], stream: string) => shuffled(list, random('world', seed, 'order', stream));
  return {
    people,
    oldFacts: mix([...statements(old), ...answeredQuestions(old.slice(asked.length))], 'old'),
    newFacts: mix(statements(fresh), 'new'),
    general: mix([...makeStories(seed), ...sums.trained], 'general'),
    recallOld: recallQuestions(asked, 120, seed, 'old'),
    recallNew: recallQuestions(fresh, 120, seed, 'new'),
    sums: sums.test,
  };
}
