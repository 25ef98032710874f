import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assemble, type PromptFormat } from '../../../src/evaluate/prompt.ts';
import { pythonRandom } from '../../../src/evaluate/python-random.ts';
import { ask, type QuestionSet } from '../../../src/evaluate/questions.ts';
import { type ShotRule, shotDrawer } from '../../../src/evaluate/shots.ts';
import { parseDocuments, selectDocuments } from '../../../src/tasks/selection.ts';
import { handTokenizer } from './support.ts';

const format: PromptFormat = { description: 'D. ', targetDelimiter: ' ', shotDelimiter: '\n\n', chat: false };
const turns = [
  { question: 'Q1:', answer: 'one' },
  { question: 'Q2:', answer: 'two' },
];
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const same = (a: number, b: number) => a === b;
const rule = (more: Partial<ShotRule>): ShotRule => ({ count: 3, sampler: 'random', ownSplit: false, ...more });

describe('a prompt', () => {
  test('is description, shots with both delimiters, and the bare question', () => {
    assert.equal(assemble(format, turns, 'Q3:', handTokenizer()), 'D. Q1: one\n\nQ2: two\n\nQ3:');
  });

  test('as a chat is a system message, two turns a shot, the question and the generation prompt', () => {
    assert.equal(
      assemble({ ...format, chat: true }, turns.slice(0, 1), 'Q3:', handTokenizer()),
      '<s>[system]D. [user]Q1:[assistant]one[user]Q3:[assistant]',
    );
    assert.equal(
      assemble({ ...format, description: '', chat: true }, [], 'Q', handTokenizer()),
      '<s>[user]Q[assistant]',
    );
  });
});

describe('shots', () => {
  test('are drawn anew for every document from one generator', () => {
    const draw = shotDrawer('t', range(10), rule({}), same);
    assert.deepEqual(range(2).map(draw), [
      [7, 1, 0],
      [1, 0, 9],
    ]);
  });

  test('from the own split: one more is drawn and the document itself dropped', () => {
    const generator = pythonRandom(1234);
    const draw = shotDrawer('t', range(10), rule({ ownSplit: true }), same);
    for (const document of range(50)) {
      const four = generator.sample(range(10), 4);
      assert.deepEqual(draw(document), four.filter((d) => d !== document).slice(0, 3));
    }
  });

  test('the first ones are the same for everyone, but never the document itself', () => {
    const draw = shotDrawer('t', range(10), rule({ sampler: 'first', ownSplit: true }), same);
    assert.deepEqual(
      [draw(1), draw(5)],
      [
        [0, 2, 3],
        [0, 1, 2],
      ],
    );
    assert.deepEqual(shotDrawer('t', range(10), rule({ sampler: 'first' }), same)(1), [0, 1, 2]);
  });

  test('too few documents for them are refused, with what to do', () => {
    assert.throws(
      () => shotDrawer('t', range(3), rule({ ownSplit: true }), same),
      /The task t asks for 3 shots, but its pool has 3 documents and the one that is asked is left out\./,
    );
  });
});

describe('the documents of a task', () => {
  const set = (selection: QuestionSet<string>['selection']): QuestionSet<string> => ({
    task: 't',
    documents: [...'abcdefgh'],
    pool: [...'abcdefgh'],
    selection,
    shots: rule({ count: 1 }),
    format: { ...format, description: '' },
    turn: (d) => ({ question: d, answer: d.toUpperCase() }),
  });
  const contexts = (selection: QuestionSet<string>['selection']) =>
    ask(set(selection), handTokenizer()).map((q) => `${q.doc_id}${q.context.replace('\n\n', '|')}`);

  test('a limit takes the first ones; below 1 it is a share, rounded up', () => {
    assert.deepEqual(selectDocuments('t', 10, { limit: 3 }), [0, 1, 2]);
    assert.deepEqual(selectDocuments('t', 10, { limit: 0.25 }), [0, 1, 2]);
    assert.deepEqual(selectDocuments('t', 2, { limit: 30 }), [0, 1]);
  });

  test('an explicit list restarts the generator at its first document', () => {
    const [first, second] = contexts({}).map((c) => c.slice(1, 4));
    assert.deepEqual(
      contexts({ documents: [4, 6] }).map((c) => c.slice(0, 4)),
      [`4${first}`, `6${second}`],
    );
  });

  test('lists of documents', () => {
    assert.deepEqual(parseDocuments('100-102'), [100, 101, 102]);
    assert.deepEqual(parseDocuments('3, 7,10-11'), [3, 7, 10, 11]);
    for (const bad of ['', 'a', '5-3', '1-', '0-99999999999']) {
      assert.throws(() => parseDocuments(bad), /is no list of documents/, bad);
    }
    assert.throws(() => selectDocuments('t', 5, { documents: [5] }), /no document 5: it has 5, numbered from 0/);
  });
});
