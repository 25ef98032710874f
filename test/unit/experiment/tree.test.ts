import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addEntry, applyFix, removeEntry, replaceValue } from '../../../src/experiment/edits.ts';
import { type Path, readTree } from '../../../src/experiment/tree.ts';
import type { Fix } from '../../../src/experiment/types.ts';

const text = `a: { b: [1, "two", 'three'], c: }
d:
  e: plain word   # comment
  f: "esc\\taped"
g:
- x: 1
- y
`;
const tree = readTree(text);
const at = (range: { start: number; end: number }) => text.slice(range.start, range.end);

test('places of values and keys', () => {
  const values: [Path, string][] = [
    [['a'], `{ b: [1, "two", 'three'], c: }`],
    [['a', 'b', 1], '"two"'],
    [['d', 'e'], 'plain word'],
    [['d'], 'e: plain word   # comment\n  f: "esc\\taped"'],
    [['g', 0, 'x'], '1'],
    [['a', 'c'], 'c'],
    [['d', 'missing', 'deeper'], 'd'],
  ];
  for (const [path, expected] of values) assert.equal(at(tree.rangeOf(path)), expected, path.join('.'));
  assert.equal(at(tree.keyRangeOf(['d', 'e'])), 'e');
  assert.deepEqual(tree.rangeOf(['missing']), { start: 0, end: 0 });
});

test('values are plain data', () => {
  assert.deepEqual(tree.value, {
    a: { b: [1, 'two', 'three'], c: null },
    d: { e: 'plain word', f: 'esc\taped' },
    g: [{ x: 1 }, 'y'],
  });
  assert.equal(tree.at(['a', 'b', 0]), 1);
  assert.equal(tree.at(['a', 'b', 9, 'z']), undefined);
  assert.equal(tree.at(['constructor']), undefined);
});

test('characters inside of a scalar, quoted or not', () => {
  assert.equal(at(tree.rangeInside(['d', 'e'], 6, 10)), 'word');
  assert.equal(at(tree.rangeInside(['a', 'b', 2], 0, 2)), 'th');
  assert.equal(at(tree.rangeInside(['d', 'f'], 0, 2)), '"esc\\taped"', 'all of it where escapes shift the places');
});

test('the path at an offset', () => {
  assert.deepEqual(tree.pathAt(text.indexOf('two')), { path: ['a', 'b', 1], inKey: false });
  assert.deepEqual(tree.pathAt(text.indexOf('e: plain')), { path: ['d', 'e'], inKey: true });
  assert.deepEqual(tree.pathAt(text.length + 5), { path: [], inKey: false });
});

test('lines and columns count from 1', () => {
  assert.deepEqual(tree.position(0), { line: 1, column: 1 });
  assert.deepEqual(tree.position(text.indexOf('plain')), { line: 3, column: 6 });
});

test('numbers are those of YAML 1.2', () => {
  assert.deepEqual(readTree('[1e-3, 010, yes, 0x10, 1_000, ~, 2h]').value, [0.001, 10, 'yes', 16, '1_000', null, '2h']);
});

const edit = (source: string, edits: (t: ReturnType<typeof readTree>) => Fix['edits']) =>
  applyFix(source, { title: '', edits: edits(readTree(source)) });

test('removing an entry takes its line or its comma, or leaves {}', () => {
  const cases: [string, Path, string][] = [
    ['a: 1\nb: 2\n', ['a'], 'b: 2\n'],
    ['a: 1\nb:\n  c: 2\n  d: 3\n', ['b', 'd'], 'a: 1\nb:\n  c: 2\n'],
    ['a: 1\nb:\n  c: 2\n', ['b', 'c'], 'a: 1\nb: {}\n'],
    ['a: 1  # why\nb: 2', ['b'], 'a: 1  # why\n'],
    ['x: { a: 1, b: 2, c: 3 }', ['x', 'b'], 'x: { a: 1, c: 3 }'],
    ['x: { a: 1, b: 2 }', ['x', 'b'], 'x: { a: 1 }'],
    ['x: { a: 1 }', ['x', 'a'], 'x: {}'],
    ['x: [1, 2, 3]', ['x', 0], 'x: [2, 3]'],
    ['x: [1, 2, 3]', ['x', 2], 'x: [1, 2]'],
    ['x:\n  - 1\n  - 2\n', ['x', 0], 'x:\n  - 2\n'],
  ];
  for (const [source, path, expected] of cases)
    assert.equal(
      edit(source, (t) => removeEntry(t, path)),
      expected,
    );
});

test('adding an entry follows the form of the mapping', () => {
  assert.equal(
    edit('x: { a: 1 }', (t) => addEntry(t, ['x'], 'b', '2')),
    'x: { a: 1, b: 2 }',
  );
  assert.equal(
    edit('x: {}', (t) => addEntry(t, ['x'], 'b', '2')),
    'x: { b: 2 }',
  );
  assert.equal(
    edit('x:\n  a: 1 # one\ny: 2\n', (t) => addEntry(t, ['x'], 'b', '2')),
    'x:\n  a: 1 # one\n  b: 2\ny: 2\n',
  );
});

test('replacing a value, also where none is written', () => {
  assert.equal(
    edit('x: { a: 1 }', (t) => replaceValue(t, ['x', 'a'], '2')),
    'x: { a: 2 }',
  );
  assert.equal(
    edit('x:\n', (t) => replaceValue(t, ['x'], '{}')),
    'x: {}\n',
  );
});
