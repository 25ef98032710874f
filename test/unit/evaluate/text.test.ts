import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createEncoder } from '../../../src/evaluate/encode.ts';
import { rollingWindows } from '../../../src/evaluate/windows.ts';
import { codePoints, countWords, splitTrailingSpace, utf8Bytes } from '../../../src/tasks/python-text.ts';
import { handTokenizer } from './support.ts';

const code = (text: string) => [...text].map((c) => c.codePointAt(0)!);

describe('text as Python counts it', () => {
  test('rstrip takes Unicode whitespace, but no byte order mark', () => {
    assert.deepEqual(splitTrailingSpace('a b \t\u3000\x1f\n'), { kept: 'a b', space: ' \t\u3000\x1f\n' });
    assert.deepEqual(splitTrailingSpace('a\ufeff'), { kept: 'a\ufeff', space: '' });
    assert.deepEqual(splitTrailingSpace('  '), { kept: '', space: '  ' });
  });

  test('words are the parts of re.split, empty ends included', () => {
    for (const [text, n] of [
      ['a b', 2],
      [' a  b\n', 4],
      ['', 1],
      ['a\u0085b', 2],
    ] as const) {
      assert.equal(countWords(text), n, JSON.stringify(text));
    }
  });

  test('lengths are code points and UTF-8 bytes', () => {
    assert.equal(codePoints('né😀'), 3);
    assert.equal(utf8Bytes('né😀'), 7);
  });
});

describe('context and continuation', () => {
  const { encode, pair } = createEncoder(handTokenizer());
  const table: [string, string, string, number[], number[]][] = [
    ['plain', 'ab', ' c', [1, ...code('ab')], code(' c')],
    ['whitespace at the end moves over', 'ab \n', 'c', [1, ...code('ab')], code(' \nc')],
    ['empty context becomes the prefix', '', 'ab', [1], code('ab')],
    ['a continuation that begins with the prefix', '', '<s>ab', [1], code('ab')],
    ['a context of whitespace', '  ', 'a', [1], code('  a')],
    ['a token over the boundary leaves what lies behind it', 'at', 'he', [1, ...code('at')], code('e')],
    ['nothing left behind the boundary: encoded alone', 'at', 'h', [1, ...code('at')], code('h')],
    ['BOS in the text is not doubled', '<s>a', 'b', [1, ...code('a')], code('b')],
  ];
  for (const [name, context, continuation, left, right] of table) {
    test(name, () => assert.deepEqual(pair(context, continuation), { context: left, continuation: right }));
  }

  test('without BOS, EOS stands in for an empty context', () => {
    const encoder = createEncoder(handTokenizer({ addsBos: false, bos: false }));
    assert.deepEqual(encoder.pair('', 'a'), { context: [2], continuation: code('a') });
    assert.deepEqual(encoder.pair(' ', 'a'), { context: [2], continuation: code(' a') });
  });

  test('an empty continuation is refused', () => {
    assert.throws(() => pair('a', ''), /nothing to score/);
  });

  test('every text is encoded with BOS once', () => {
    assert.deepEqual(encode('<s>a'), encode('a'));
  });
});

describe('rolling windows', () => {
  test('the example of the harness', () => {
    assert.deepEqual(rollingWindows(99, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4), [
      { context: [99], continuation: [0, 1, 2, 3] },
      { context: [3], continuation: [4, 5, 6, 7] },
      { context: [5, 6, 7], continuation: [8, 9] },
    ]);
  });

  test('every token is predicted once, from at most maxLength inputs', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.integer({ min: 1, max: 20 }), (n, maxLength) => {
        const tokens = Array.from({ length: n }, (_, i) => i);
        const windows = rollingWindows(-1, tokens, maxLength);
        assert.deepEqual(
          windows.flatMap((w) => w.continuation),
          tokens,
        );
        for (const [i, { context, continuation }] of windows.entries()) {
          assert.ok(context.length + continuation.length <= maxLength + 1);
          if (i > 0) assert.equal(context.length + continuation.length, maxLength + 1);
          assert.equal(context.at(-1), i === 0 ? -1 : continuation[0]! - 1);
        }
      }),
    );
  });
});
