import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gsm8kCotRules, gsm8kRules } from '../../../src/tasks/benchmarks/gsm8k.ts';
import { lastBoxed, sameLatex } from '../../../src/tasks/benchmarks/hendrycks-math.ts';
import type { RawRecord, SingleBenchmark } from '../../../src/tasks/benchmarks/types.ts';
import { detokenise, wikitextPages } from '../../../src/tasks/benchmarks/wikitext.ts';
import { benchmarkOf } from '../../../src/tasks/benchmarks.ts';
import { data, needsShared } from '../../support.ts';

const row = (name: string) => benchmarkOf(name) as SingleBenchmark;
const read = (name: string, record: RawRecord) => row(name).read(record);

const stem = {
  stem: 'Q?',
  choices: [
    { text: 'a', label: '1' },
    { text: 'b', label: '2' },
    { text: 'c', label: '3' },
  ],
};
const columns = { text: ['a', 'b', 'c'], label: ['A', 'B', 'C'] };
const wikihow = {
  activity_label: 'Baking',
  ctx_a: 'A man mixes [step] dough.',
  ctx_b: 'the Man',
  endings: [' smiles.', 'sits [title] down  now', 'x'],
  label: '1',
};
const capital = { question: ' What?\n', choices: ['w', 'x', 'y', 'z'], answer: 2 };
const letters = { question: ' What?\n', A: 'w', B: 'x', C: 'y', D: 'z', answer: 'C' };
const exam = { context: 'What?\nA. w\nB. x\nC. y\nD. z\nAnswer:', choices: ['A', 'B', 'C', 'D'], gold: 2 };

describe('records become questions', () => {
  const table: [string, string, RawRecord, object][] = [
    [
      'arc_easy',
      'original layout, number labels, three choices',
      { question: stem, answerKey: '3' },
      { context: 'Question: Q?\nAnswer:', choices: ['a', 'b', 'c'], gold: 2 },
    ],
    [
      'arc_challenge',
      "the hub's columns",
      { question: 'Q?', choices: columns, answerKey: 'B' },
      { context: 'Question: Q?\nAnswer:', choices: ['a', 'b', 'c'], gold: 1 },
    ],
    [
      'openbookqa',
      'original layout',
      { question: stem, answerKey: '1' },
      { context: 'Q?', choices: ['a', 'b', 'c'], gold: 0 },
    ],
    [
      'openbookqa',
      "the hub's columns",
      { question_stem: 'Q?', choices: columns, answerKey: ' C' },
      { context: 'Q?', choices: ['a', 'b', 'c'], gold: 2 },
    ],
    [
      'hellaswag',
      'brackets go, the second context is capitalised',
      wikihow,
      { context: 'Baking: A man mixes dough. The man', choices: ['smiles.', 'sits. down now', 'x'], gold: 1 },
    ],
    [
      'winogrande',
      'the gap takes each option, the rest is scored',
      { sentence: 'The cat saw _ and  ran. ', option1: 'Tom', option2: 'Ann', answer: '2' },
      {
        context: 'The cat saw Ann',
        contexts: ['The cat saw Tom', 'The cat saw Ann'],
        choices: ['and  ran.', 'and  ran.'],
        gold: 1,
      },
    ],
    [
      'piqa',
      'two ways',
      { goal: 'Open', sol1: 'pull', sol2: 'push', label: 1 },
      { context: 'Question: Open\nAnswer:', choices: ['pull', 'push'], gold: 1 },
    ],
    ['mmlu_anatomy', "the hub's columns", capital, exam],
    ['mmlu_anatomy', 'columns of the CSV file', letters, exam],
    [
      'gsm8k',
      'the answer with its work',
      { question: 'How many?', answer: '1+1\n#### 2' },
      { context: 'Question: How many?\nAnswer:', answer: '1+1\n#### 2' },
    ],
    [
      'gsm8k_cot',
      'the number alone',
      { question: 'How many?', answer: '1+1\n#### 2' },
      { context: 'Q: How many?\nA:', answer: '2' },
    ],
    [
      'hendrycks_math_algebra',
      'the last box',
      { problem: 'P', solution: 'so \\boxed{1} or $\\boxed{\\frac{1}{2}}$.' },
      { context: 'Problem: P\nAnswer:', answer: '\\frac{1}{2}' },
    ],
  ];
  for (const [name, how, record, question] of table) {
    test(`${name}: ${how}`, () => assert.deepEqual(read(name, record), question));
  }

  test('truthfulqa: six examples, then the question; both layouts', () => {
    for (const targets of [
      { choices: ['t', 'f'], labels: [1, 0] },
      { t: 1, f: 0 },
    ]) {
      const record = { question: 'Why?', mc1_targets: targets, mc2_targets: targets };
      const one = read('truthfulqa_mc1', record);
      assert.ok(typeof one === 'object' && 'choices' in one);
      assert.ok(one.context.startsWith('Q: What is human life expectancy in the United States?\nA: Human'));
      assert.ok(one.context.endsWith('held in Barcelona, Spain.\n\nQ: Why?\nA:'));
      assert.deepEqual([one.choices, one.gold, one.truths], [['t', 'f'], 0, undefined]);
      assert.deepEqual((read('truthfulqa_mc2', record) as typeof one).truths, [true, false]);
    }
  });

  test('what a record lacks is said', () => {
    const lacking: [string, RawRecord, RegExp][] = [
      ['arc_easy', { question: stem, answerKey: 'E' }, /answerKey "E", which is none of its labels/],
      ['hellaswag', { ...wikihow, label: '' }, /no label from 0 to 2 \(the test split has none\)/],
      ['winogrande', { sentence: 'x _', option1: 'a', option2: 'b', answer: '' }, /no answer 1 or 2/],
      ['winogrande', { sentence: 'x', option1: 'a', option2: 'b', answer: '1' }, /with a gap "_"/],
      ['piqa', { goal: 'g', sol1: 'a', sol2: 'b' }, /no label 0 or 1/],
      ['mmlu_anatomy', { ...letters, answer: 'E' }, /no answer A, B, C or D/],
      ['mmlu_anatomy', { ...capital, choices: ['a'] }, /no four choices/],
      ['truthfulqa_mc2', { question: 'Q', mc2_targets: { choices: ['a'], labels: [0] } }, /no true choice/],
      ['gsm8k', { question: 'Q' }, /no texts "question" and "answer"/],
      ['hendrycks_math_geometry', { problem: 'P', solution: 'none' }, /without \\boxed/],
      ['humaneval', { prompt: 'p', test: 't', entry_point: 'f); import os; (' }, /no name/],
      ['mbpp', { text: 't', code: 'c', test_list: ['a'] }, /three texts/],
    ];
    for (const [name, record, message] of lacking) assert.match(String(read(name, record)), message, name);
  });

  test('subjects and splits that share a file are told apart', () => {
    const belongs = (name: string, record: RawRecord) => row(name).belongs!(record, 'test');
    assert.equal(belongs('mmlu_anatomy', { subject: 'anatomy' }), true);
    assert.equal(belongs('mmlu_anatomy', { subject: 'virology' }), false);
    assert.equal(belongs('mmlu_anatomy', {}), true);
    assert.equal(belongs('hendrycks_math_counting_and_prob', { type: 'Counting & Probability' }), true);
    assert.deepEqual(
      [10, 11, 510, 511].map((task_id) => belongs('mbpp', { task_id })),
      [false, true, true, false],
    );
  });
});

describe('programs', () => {
  test('humaneval: the head, what was written, the tests and the call', () => {
    const record = {
      prompt: 'def f():\n',
      canonical_solution: '    return 1\n',
      test: 'def check(c):\n    assert c() == 1\n',
      entry_point: 'f',
    };
    const question = read('humaneval', record);
    assert.ok(typeof question === 'object' && 'program' in question);
    assert.equal(
      question.program(question.solution),
      'def f():\n    return 1\n\ndef check(c):\n    assert c() == 1\n\ncheck(f)',
    );
  });

  test('mbpp: prompt and shots as in the reference', () => {
    const question = read('mbpp', {
      task_id: 11,
      text: 'Do it.',
      code: 'x = 1',
      test_list: ['assert 1', 'assert 2', 'assert 3', 'assert 4'],
    });
    assert.ok(typeof question === 'object' && 'program' in question);
    assert.equal(
      question.context,
      'You are an expert Python programmer, and here is your task: Do it. Your code should pass these tests:\n\nassert 1\nassert 2\nassert 3\n[BEGIN]\n',
    );
    assert.equal(question.program('x = 2'), 'x = 2\nassert 1\nassert 2\nassert 3');
    const mbpp = row('mbpp');
    assert.ok(mbpp.form === 'program' && mbpp.fixedShots.length === 3);
    assert.match(mbpp.fixedShots[0]!.answer, /^def similar_elements\(.*\r\n {2}res = .*\n\[DONE\]$/s);
  });
});

describe('answers of GSM8K', () => {
  test('agree with every recorded vector', needsShared, () => {
    const { cases, gold_strings } = JSON.parse(readFileSync(data('reference/code-eval/gsm8k-extraction.json'), 'utf8'));
    assert.ok(cases.length >= 19);
    for (const c of cases)
      for (const { label, find, same } of gsm8kRules) {
        const found = find(c.text);
        assert.equal(found ?? '[invalid]', c[label!], `${label}: ${c.text}`);
        const right = Object.entries<string>(gold_strings).flatMap(([name, gold]) =>
          found !== undefined && same(found, gold) ? [name] : [],
        );
        assert.deepEqual(right, c[`${label}_matches_golds`], `${label}: ${c.text}`);
      }
  });

  test('with a chain of thought: the sentence, and any character behind it', () => {
    const [strict, flexible] = gsm8kCotRules;
    assert.equal(strict!.find('So 2 + 3 = 5. The answer is 1,005. Then'), '1,005.');
    assert.equal(strict!.find('The answer is 5'), undefined);
    assert.equal(flexible!.find('The answer is 5'), '5');
  });
});

describe('answers of MATH', () => {
  const table: [string, string, boolean][] = [
    ['\\dfrac12', '\\frac{1}{2}', true],
    ['\\frac1{72}', '\\frac{1}{72}', true],
    ['0.5', '\\frac{1}{2}', true],
    ['.5', '0.5', true],
    ['3/4', '\\frac{3}{4}', true],
    ['k = 5', '5', true],
    ['area = 5', '5', false],
    ['90^\\circ', '90', true],
    ['5\\text{ cm}', '5', true],
    ['\\sqrt3', '\\sqrt{3}', true],
    ['\\left( 1, 2 \\right)', '(1,2)', true],
    ['50\\%', '50', true],
    ['1,000', '1000', false],
    // The reference's rule for fractions breaks on letters; then texts are compared as they are.
    ['a/b', 'a / b', false],
    ['a/b', 'a/b', true],
  ];
  for (const [a, b, same] of table) test(`${a} ${same ? '=' : '≠'} ${b}`, () => assert.equal(sameLatex(a, b), same));

  test('the last box, braces counted', () => {
    assert.equal(lastBoxed('\\boxed{1} and \\boxed{a{b}c}.'), 'a{b}c');
    assert.equal(lastBoxed('$\\boxed 7$ so'), '7');
    assert.equal(lastBoxed('\\boxed{1'), undefined);
  });

  test('between the first and the last dollar sign, if there are two', () => {
    const math = row('hendrycks_math_algebra');
    assert.ok(math.form === 'answer');
    const { find } = math.rules[0]!;
    assert.deepEqual(['so $x$ and $5$.', 'about $5', '5'].map(find), ['x$ and $5', 'about $5', '5']);
  });
});

describe('wikitext', () => {
  test('a page begins at a heading of the first level', () => {
    const text = ' \n = One = \n \n a \n = = Part = = \n b\n = Two = \n c';
    assert.deepEqual(
      wikitextPages(text).map((p) => p.original),
      [' = One = \n \n a \n = = Part = = \n b', ' = Two = \n c'],
    );
  });

  test('the detokenised first page of the reference', needsShared, () => {
    const [page] = wikitextPages(readFileSync(data('wikitext2/test.txt'), 'utf8'));
    assert.equal(page!.text, readFileSync(data('reference/lm-eval/wikitext-page0-detokenised.txt'), 'utf8'));
  });

  test('is detokenised step by step', () => {
    assert.equal(
      detokenise(' = T = \n " a " ( b , c ) 3 @,@ 000 @-@ x ; 5 ° C N s \' Tom \'s'),
      ' = T =\n"a" (b, c) 3,000-x; 5°C 1 s\'Tom\'s',
    );
  });
});
