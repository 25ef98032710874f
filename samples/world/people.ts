import { random } from '../../src/base/random.ts';
import { pick, shuffled, words } from './draw.ts';

/** What can be said of a person: values, statements, and the question. The name always stands before the value. */
interface Attribute {
  values: string[];
  statements: string[];
  question: string;
}

export const attributes: Record<string, Attribute> = {
  city: {
    values: words(
      'Oslo Paris Lima Cairo Delhi Tokyo Rome Berlin Madrid Dublin Prague Vienna Quito Boston Sydney Athens',
    ),
    statements: [
      '{name} lives in {value}.',
      'The home of {name} is in {value}.',
      '{name} has a house in {value}.',
      'If you visit {name}, go to {value}.',
      '{name} moved to {value} years ago.',
    ],
    question: 'Where does {name} live?',
  },
  job: {
    values: words(
      'baker doctor pilot painter farmer lawyer sailor tailor teacher miner dentist plumber judge nurse actor chemist',
    ),
    statements: [
      '{name} works as a {value}.',
      'The job of {name} is {value}.',
      '{name} earns money as a {value}.',
      'By trade {name} is a {value}.',
      '{name} trained to be a {value}.',
    ],
    question: 'What is the work of {name}?',
  },
  pet: {
    values: words('cat dog parrot rabbit hamster turtle goat snake pony lizard duck ferret'),
    statements: [
      '{name} keeps a {value}.',
      'The pet of {name} is a {value}.',
      '{name} owns a {value}.',
      'At home {name} feeds a {value}.',
      '{name} takes care of a {value}.',
    ],
    question: 'Which animal does {name} have?',
  },
  colour: {
    values: words('red blue green yellow purple orange black white pink brown grey silver'),
    statements: [
      '{name} likes the colour {value}.',
      'The favourite colour of {name} is {value}.',
      '{name} always wears {value}.',
      'The door of {name} is painted {value}.',
      '{name} prefers {value}.',
    ],
    question: 'Which colour does {name} love?',
  },
  instrument: {
    values: words('piano violin guitar flute drum harp cello trumpet organ banjo oboe horn'),
    statements: [
      '{name} plays the {value}.',
      'The instrument of {name} is the {value}.',
      '{name} practises the {value}.',
      'On stage {name} plays the {value}.',
      '{name} took lessons on the {value}.',
    ],
    question: 'What music does {name} make?',
  },
};

const firstNames =
  words(`Anna Boris Clara David Elena Felix Greta Henry Irene Jonas Karin Louis Maria Nils Olga Peter Rosa
  Simon Tessa Victor Agnes Bruno Diana Emil Fiona Gustav Hilda Ivan Julia Konrad`);
const lastNames =
  words(`Berg Stone Fisher Lind Novak Moreau Weber Rossi Hansen Costa Keller Marsh Ortega Petrov Quist Romero
  Sato Tanner Vogel Winter Abbot Brandt Chandra Dunn Eklund Farkas Grant Holm Ito Jensen`);

export interface Person {
  name: string;
  /** attribute → value */
  facts: Record<string, string>;
}

export interface People {
  /** Known to the base. */
  old: Person[];
  /** Those among the old who are never trained in question form, because they are asked in the test. */
  asked: Person[];
  /** Unknown to the base: what the arms are to learn. */
  fresh: Person[];
}

/**
 * Full names never repeat between old and new, but each first and last name of a new person occurs among the old: the frozen
 * embedding of a token that was never trained would handicap every arm that does not train it.
 */
export function makePeople(seed: number, counts = { old: 96, asked: 32, fresh: 24 }): People {
  const draw = random('world', seed, 'people');
  const person = (name: string): Person => ({
    name,
    facts: Object.fromEntries(Object.entries(attributes).map(([key, { values }]) => [key, pick(values, draw)])),
  });
  const names = shuffled(
    firstNames.flatMap((first) => lastNames.map((last) => [first, last] as const)),
    draw,
  );
  const oldNames = names.slice(0, counts.old);
  const known = { first: new Set(oldNames.map(([first]) => first)), last: new Set(oldNames.map(([, last]) => last)) };
  const freshNames = names
    .slice(counts.old)
    .filter(([first, last]) => known.first.has(first) && known.last.has(last))
    .slice(0, counts.fresh);
  const old = oldNames.map((name) => person(name.join(' ')));
  return { old, asked: old.slice(0, counts.asked), fresh: freshNames.map((name) => person(name.join(' '))) };
}

function facts(people: readonly Person[]): { name: string; attribute: Attribute; value: string }[] {
  return people.flatMap(({ name, facts }) =>
    Object.entries(attributes).map(([key, attribute]) => ({ name, attribute, value: facts[key]! })),
  );
}

const fill = (form: string, name: string, value = '') => form.replace('{name}', name).replace('{value}', value);

/** Every fact in every statement form. */
export function statements(people: readonly Person[]): string[] {
  return facts(people).flatMap(({ name, attribute, value }) =>
    attribute.statements.map((form) => fill(form, name, value)),
  );
}

/** Every fact as question and answer. */
export function answeredQuestions(people: readonly Person[]): string[] {
  return facts(people).map(({ name, attribute, value }) => `${fill(attribute.question, name)} ${value}`);
}

export interface Question {
  context: string;
  choices: string[];
  /** Index of the right choice. */
  answer: number;
}

/** One question a fact with four choices of the same attribute, the right one at a drawn place; the first `limit` in drawn order. */
export function recallQuestions(people: readonly Person[], limit: number, seed: number, stream: string): Question[] {
  const draw = random('world', seed, 'questions', stream);
  const all = facts(people).map(({ name, attribute, value }) => {
    const others = attribute.values.filter((v) => v !== value);
    const choices = shuffled([value, ...shuffled(others, draw).slice(0, 3)], draw);
    return { context: fill(attribute.question, name), choices, answer: choices.indexOf(value) };
  });
  return shuffled(all, draw).slice(0, limit);
}
