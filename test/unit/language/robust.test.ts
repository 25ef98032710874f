import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Range } from '../../../src/experiment/types.ts';
import { actions } from '../../../src/language/actions.ts';
import { complete } from '../../../src/language/complete.ts';
import { cursorAt } from '../../../src/language/cursor.ts';
import { folds } from '../../../src/language/folding.ts';
import { hover } from '../../../src/language/hover.ts';
import { inlays } from '../../../src/language/inlay.ts';
import { lenses } from '../../../src/language/lenses.ts';
import { links } from '../../../src/language/links.ts';
import { definition, rename, usesAt } from '../../../src/language/names.ts';
import { type OutlineEntry, symbols } from '../../../src/language/symbols.ts';
import { diagnose } from '../../../src/plan/diagnose.ts';
import { root } from '../../support.ts';
import { sample, sampleFacts, view } from './fixture.ts';

/** Valid files to break. */
const files = [
  sample,
  readFileSync(join(root, 'samples', 'base.strata.yaml'), 'utf8'),
  ...readdirSync(join(root, 'samples'), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.strata.yaml'))
    .map((name) => readFileSync(join(root, 'samples', name), 'utf8')),
];

/** One way to break a text: characters or lines removed, added, moved. `a` and `b` are shares of its length. */
const damages: Record<string, (text: string, a: number, b: number, more: string) => string> = {
  'characters removed': (text, a, b) => {
    const start = Math.floor(a * text.length);
    return text.slice(0, start) + text.slice(start + 1 + Math.floor(b * 12));
  },
  'characters added': (text, a, _, more) => text.slice(0, a * text.length) + more + text.slice(a * text.length),
  'characters moved': (text, a, b) => {
    const [start, to] = [Math.floor(a * text.length), Math.floor(b * text.length)];
    const rest = text.slice(0, start) + text.slice(start + 9);
    return rest.slice(0, to) + text.slice(start, start + 9) + rest.slice(to);
  },
  'lines removed': (text, a, b) => lines(text, (all) => all.toSpliced(a * all.length, 1 + b * 3)),
  'lines added': (text, a, b, more) =>
    lines(text, (all) => all.toSpliced(a * all.length, 0, ' '.repeat(Math.floor(b * 9)) + more)),
  'lines moved': (text, a, b) =>
    lines(text, (all) => {
      const [line = ''] = all.splice(a * all.length, 1);
      return all.toSpliced(b * all.length, 0, line);
    }),
  'cut off': (text, a) => text.slice(0, a * text.length),
};
const lines = (text: string, change: (all: string[]) => string[]) => change(text.split('\n')).join('\n');

const share = fc.double({ min: 0, max: 1, noNaN: true });
const bits = fc.constantFrom(
  '{',
  '}',
  '[',
  ']',
  ':',
  ': ',
  '- ',
  ',',
  '#',
  '"',
  "'",
  '\t',
  '\r\n',
  '|',
  '&a',
  '*a',
  '!x',
  '?',
  '\u0000',
  'é',
  '😀',
  '__proto__: ',
  'layers 3-',
);
const broken = fc
  .tuple(
    fc.constantFrom(...files),
    fc.array(
      fc.tuple(fc.constantFrom(...Object.keys(damages)), share, share, fc.oneof(bits, fc.string({ maxLength: 6 }))),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
    share,
  )
  .map(([text, steps, where]) => {
    const result = steps.reduce((t, [kind, a, b, more]) => damages[kind]!(t, a, b, more), text);
    return { text: result, offset: Math.floor(where * result.length) };
  });

/** Everything that the server answers about a text, as the ranges of its answers. */
function everyRange(text: string, offset: number): Range[] {
  const v = view(text);
  const found = diagnose(v, v.facts, v.plan);
  const end = Math.min(text.length, offset + 20);
  const flat = (entries: OutlineEntry[]): Range[] =>
    entries.flatMap((e) => [e.range, e.selection, ...flat(e.children)]);
  const renamed = rename(v, offset, 'other');
  const count = text.split('\n').length;
  for (const { startLine, endLine } of folds(v)) assert.ok(startLine >= 0 && endLine > startLine && endLine < count);
  return [
    ...found.flatMap(({ range, fixes }) => [range, ...fixes.flatMap(({ edits }) => edits.map((e) => e.range))]),
    ...complete(v, offset).map(({ range }) => range),
    ...[hover(v, offset)].flatMap((h) => h?.range ?? []),
    ...actions(v, found, { start: offset, end }).flatMap(({ edits }) => edits.map((e) => e.range)),
    ...inlays(v).map(({ offset: at }) => ({ start: at, end: at })),
    ...lenses(v, { trusted: true }).map(({ range }) => range),
    ...flat(symbols(v)),
    ...links(v).map(({ range }) => range),
    ...[definition(v, offset)].flatMap((range) => range ?? []),
    ...usesAt(v, offset),
    ...('ranges' in renamed ? renamed.ranges : []),
  ];
}

test('500 broken variants of valid files: nothing throws, every range stays inside the text', () => {
  fc.assert(
    fc.property(broken, ({ text, offset }) => {
      for (const { start, end } of everyRange(text, offset))
        assert.ok(0 <= start && start <= end && end <= text.length);
    }),
    { numRuns: 500 },
  );
});

test('a completion replaces what is typed, on one line around the cursor', () => {
  fc.assert(
    fc.property(broken, ({ text, offset }) => {
      const cursor = cursorAt(text, offset);
      if (!cursor) return;
      const { start, end } = cursor.word;
      assert.ok(start <= offset && offset <= end);
      assert.ok(!text.slice(start, offset).includes('\n') && !text.slice(offset, end).includes('\n'));
    }),
    { numRuns: 1000 },
  );
});

test('each place of a valid file: completion, hover and names never throw', () => {
  const v = view(sample, sampleFacts);
  for (let offset = 0; offset <= sample.length; offset++) {
    complete(v, offset);
    hover(v, offset);
    usesAt(v, offset);
  }
});
