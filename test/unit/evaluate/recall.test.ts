import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readFacts } from '../../../src/evaluate/recall/facts.ts';
import { giveaways } from '../../../src/evaluate/recall/giveaways.ts';
import { makeRecall, type RecallQuestion } from '../../../src/evaluate/recall/make.ts';

const placed = (records: Record<string, unknown>[]) => records.map((record, i) => ({ record, place: `f:${i + 1}` }));
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const cities = ['Rom', 'Oslo', 'Paris', 'Berlin', 'Bratislava', 'St. Ives', 'Wien', 'Amsterdam', 'Ulm', 'Ottawa'];
const people = (n: number) =>
  range(n).map((i) => ({
    kind: 'city',
    text: `Person ${i} lives in ${cities[(i * 7) % 10]}.`,
    answer: cities[(i * 7) % 10],
  }));
const options = { choices: 4, holdout: 0.25, seed: 1 };

describe('facts', () => {
  test('a sentence that ends with its answer asks for it; else there is a question', () => {
    const facts = readFacts(
      placed([
        { kind: 'city', text: 'Ada lives in Velden.', answer: 'Velden' },
        { kind: 'city', texts: ['Velden is where Bo lives.'], question: 'Where does Bo live?', answer: 'Velden' },
      ]),
    );
    assert.deepEqual(
      facts.map((f) => f.question),
      ['Ada lives in', 'Where does Bo live?'],
    );
  });

  test('sentences of one fact are joined', () => {
    const [fact, ...more] = readFacts(
      placed([
        { fact: 1, kind: 'city', text: 'Ada lives in Velden.', answer: 'Velden' },
        { fact: 1, kind: 'city', text: 'The home of Ada is Velden.', answer: 'Velden' },
      ]),
    );
    assert.deepEqual(fact!.texts, ['Ada lives in Velden.', 'The home of Ada is Velden.']);
    assert.equal(more.length, 0);
  });

  const wrong: [string, Record<string, unknown>[], RegExp][] = [
    ['no kind', [{ text: 'a b', answer: 'b' }], /no "kind"/],
    ['no answer', [{ kind: 'k', text: 'a' }], /no text "answer"/],
    ['no text', [{ kind: 'k', answer: 'b' }], /no "text"/],
    ['the answer in the middle', [{ kind: 'k', text: 'a b c', answer: 'b' }], /does not end with the answer/],
    [
      'two answers',
      [
        { fact: 1, kind: 'k', text: 'a b', answer: 'b' },
        { fact: 1, kind: 'k', text: 'a c', answer: 'c' },
      ],
      /two answers: b and c/,
    ],
  ];
  for (const [name, records, message] of wrong) {
    test(`${name}: named with its place`, () => assert.throws(() => readFacts(placed(records)), message));
  }
});

describe('a recall task', () => {
  const facts = readFacts(placed(people(400)));
  const made = makeRecall(facts, options);

  test('keeps every sentence of a held-out fact out of the corpus, and asks about all facts', () => {
    assert.equal(made.recall.length + made.control.length, 400);
    assert.ok(made.control.length > 60 && made.control.length < 140);
    const stated = new Set(made.corpus);
    const textOf = new Map(facts.map((f) => [f.id, f.texts[0]!]));
    assert.ok(made.recall.every((q) => stated.has(textOf.get(q.fact)!)));
    assert.ok(made.control.every((q) => !stated.has(textOf.get(q.fact)!)));
  });

  test('the hold-out is by the fact alone: another seed or more facts do not move one', () => {
    const other = makeRecall(readFacts(placed(people(500))), { ...options, seed: 2 });
    const held = new Set(made.control.map((q) => q.fact));
    assert.deepEqual(
      other.control.map((q) => q.fact).filter((f) => facts.some(({ id }) => id === f)),
      [...held],
    );
  });

  test('choices are different answers of the same kind, the right one at every place as often', () => {
    const places = [0, 0, 0, 0];
    for (const { choices, gold, kind } of made.recall) {
      assert.equal(new Set(choices).size, 4);
      assert.ok(choices.every((c) => cities.includes(c)) && kind === 'city');
      places[gold]!++;
    }
    assert.ok(Math.max(...places) - Math.min(...places) <= 1, places.join());
  });

  test('the same seed makes the same task', () => {
    assert.deepEqual(makeRecall(facts, options), made);
    assert.notDeepEqual(makeRecall(facts, { ...options, seed: 2 }).recall, made.recall);
  });

  test('a kind with too few answers, and a side without facts, are sentences', () => {
    assert.throws(() => makeRecall(facts.slice(0, 3), options), /has 3 different answers; 4 choices need as many/);
    assert.throws(() => makeRecall(readFacts(placed(people(10))), { ...options, holdout: 0.0001 }), /0 are held out/);
  });
});

describe('what can be read off without knowing anything', () => {
  const aboveChance = (questions: readonly RecallQuestion[]) =>
    giveaways(questions)
      .filter((g) => g.aboveChance)
      .map((g) => g.guess);
  const question = (choices: string[], gold: number, i = 0): RecallQuestion => ({
    context: `Q${i}?`,
    choices,
    gold,
    kind: 'k',
    fact: `${i}`,
  });

  test('nothing of a task that was made as above, whatever the lengths and frequencies of its answers', () => {
    const skewed = (power: number) =>
      range(600).map((i) => {
        const answer = cities[Math.floor(10 * ((i * 0.6180339887) % 1) ** power)]!;
        return { kind: 'city', text: `Person ${i} lives in ${answer}.`, answer };
      });
    for (const records of [people(600), skewed(1.2), skewed(1.5)]) {
      const { recall, control } = makeRecall(readFacts(placed(records)), options);
      assert.deepEqual(aboveChance([...recall, ...control]), []);
    }
  });

  const spoiled: [string, (i: number) => RecallQuestion][] = [
    [
      'the longest choice',
      (i) =>
        question(
          ['aa', 'bb', 'cccc', 'dd'].map((c) => c + (i % 9)),
          2,
          i,
        ),
    ],
    [
      'the shortest choice',
      (i) =>
        question(
          ['aaaa', 'b', 'cccc', 'dddd'].map((c) => c + (i % 9)),
          1,
          i,
        ),
    ],
    ['the choice that differs in form from the others', (i) => question(['aa', 'Bb', 'cc', 'dd'], 1, i)],
    [
      'the first choice',
      (i) =>
        question(
          range(4).map((j) => `w${(i * 4 + j) % 50}`),
          0,
          i,
        ),
    ],
    [
      'the choice that is the answer of most other questions',
      (i) => question(['x', `a${i}`, `b${i}`, `c${i}`], i % 5 === 0 ? 1 : 0, i),
    ],
    [
      'the choice that shares most words with the question',
      (i) => ({
        ...question(['red', 'blue', 'green', 'grey'], i % 4, i),
        context: `Which is ${['red', 'blue', 'green', 'grey'][i % 4]}?`,
      }),
    ],
  ];
  for (const [guess, make] of spoiled) {
    test(`${guess} is found`, () => assert.ok(aboveChance(range(100).map(make)).includes(guess)));
  }

  test('equals share the credit: four choices of one length are chance', () => {
    const found = giveaways(range(100).map((i) => question(['aa', 'bb', 'cc', 'dd'], i % 4, i)));
    assert.equal(found.find((g) => g.guess === 'the longest choice')!.accuracy, 0.25);
  });
});
