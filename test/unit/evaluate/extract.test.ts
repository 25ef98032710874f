import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { compile, createPatternRunner, type Extraction } from '../../../src/evaluate/extract.ts';

describe('finding the answer', () => {
  const patterns = createPatternRunner();
  after(() => patterns.close());
  const table: [string, Extraction['take'], string, string | undefined][] = [
    ['#### (\\-?[0-9\\.\\,]+)', 'first', 'so\n#### 1,234 #### 5', '1,234'],
    ['(-?[$0-9.,]{2,})|(-?[0-9]+)', 'last', 'first 12 then 7', '7'],
    ['[0-9]+', 'first', 'a 12 b 7', '12'],
    ['[0-9]+', 'last', 'a 12 b 7', '7'],
    ['([0-9]+)', 'first', 'none', undefined],
    ['(?s)a(.*)b', 'first', 'a1\n2b', '1\n2'],
    ['(?i)ANSWER: (\\p{L}+)', 'first', 'answer: süß', 'süß'],
  ];
  for (const [pattern, take, text, found] of table) {
    test(`${take} ${pattern} in ${JSON.stringify(text)}`, async () => {
      assert.equal(await patterns.extract({ pattern, take }, text), found);
    });
  }

  test('a pattern that is no expression is refused', () => {
    assert.throws(() => compile('(a'), /"\(a" is no valid regular expression/);
  });

  test('a pattern that never ends is stopped, and the next text is answered', async () => {
    const impatient = createPatternRunner(200);
    after(() => impatient.close());
    const endless = { pattern: '^(a+)+$', take: 'first' } as const;
    await assert.rejects(impatient.extract(endless, `${'a'.repeat(40)}b`), /took more than 0.2 s on a text of 41 char/);
    assert.equal(await impatient.extract(endless, 'aaa'), 'aaa');
  });
});
