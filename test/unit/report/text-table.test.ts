import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { displayWidth, textTable, wrap } from '../../../src/report/text-table.ts';
import { formatCount, formatEffect, formatSeconds, formatValue } from '../../../src/report/words.ts';

test('width on a terminal: colours take none, wide characters two', () => {
  assert.equal(displayWidth('abc'), 3);
  assert.equal(displayWidth('\u001b[32mabc\u001b[0m'), 3);
  assert.equal(displayWidth('層'), 2);
  assert.equal(displayWidth('e\u0301'), 1);
});

test('a table wider than the terminal continues below with the names repeated', () => {
  const column = (header: string, cells: string[]) => ({ header: [header], align: 'right' as const, cells });
  const lines = textTable(
    [
      { header: ['arm'], align: 'left', cells: ['s', 'pro'] },
      column('first', ['1', '2']),
      column('second', ['30', '4']),
    ],
    11,
  );
  assert.deepEqual(lines, [
    'arm  first',
    '───  ─────',
    's        1',
    'pro      2',
    '',
    'arm  second',
    '───  ──────',
    's        30',
    'pro       4',
  ]);
});

test('wrapped lines keep every word and fit', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 30 }), (words) => {
      const lines = wrap(words.join(' '), 20, '  ');
      assert.equal(lines.join(' ').split(/\s+/).filter(Boolean).join(' '), words.join(' '));
      for (const line of lines) assert.ok(displayWidth(line) <= 20);
    }),
  );
});

test('numbers', () => {
  assert.equal(formatValue(0.5), '0.500');
  assert.equal(formatValue(-0.0001), '0.000');
  assert.equal(formatValue(12.345), '12.35');
  assert.equal(formatValue(123.45), '123.5');
  assert.equal(formatValue(undefined), '–');
  assert.equal(formatEffect(0.0626), '+0.063');
  assert.equal(formatEffect(-0.0626), '-0.063');
  assert.equal(formatEffect(-0.00001), '+0.000');
  assert.equal(formatCount(1234567), '1,234,567');
  assert.equal(formatCount(999), '999');
  assert.equal(formatSeconds(3.61), '3.6 s');
  assert.equal(formatSeconds(90), '1.5 min');
  assert.equal(formatSeconds(5400), '1.5 h');
});
