import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyFix } from '../../../src/experiment/edits.ts';
import { references } from '../../../src/experiment/references.ts';
import { examine } from '../../../src/experiment/validate.ts';
import { root } from '../../support.ts';

const full = readFileSync(join(root, 'test/unit/experiment/fixtures/full.strata.yaml'), 'utf8');
const model = {
  family: 'llama',
  layers: 12,
  positions: 512,
  vocabSize: 99,
  tied: true,
  tensors: [],
  linearModules: ['self_attn.q_proj'],
};

/** What holds for any text. */
function holds(text: string): void {
  const { diagnostics, experiment, tree, draft, written } = examine(text, { facts: { model } });
  assert.equal(
    experiment === undefined,
    diagnostics.some((d) => d.severity === 'error'),
  );
  for (const d of diagnostics) {
    assert.ok(
      d.range.start >= 0 && d.range.start <= d.range.end && d.range.end <= text.length,
      `${d.code} ${JSON.stringify(d.range)}`,
    );
    assert.deepEqual({ line: d.line, column: d.column }, tree.position(d.range.start));
    assert.ok(d.message.length > 0 && !d.message.includes('undefined'), d.message);
    for (const fix of d.fixes) assert.notEqual(applyFix(text, fix), text, `${d.code}: ${fix.title} changes something`);
  }
  assert.ok(draft.arms);
  for (const { path, name } of references(written)) assert.ok(String(tree.at(path)).includes(name));
  tree.pathAt(text.length >> 1);
}

test('any text', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), holds), { numRuns: 300 });
});

test('any text of the characters that YAML is made of', () => {
  const unit = fc.constantFrom(...'abs:-[]{},"\'#&*!|>?%@` \n\t01.e~'.split(''));
  fc.assert(fc.property(fc.string({ unit, maxLength: 80 }), holds), { numRuns: 1000 });
});

test('the example with characters deleted, doubled or replaced', () => {
  const place = fc.nat(full.length - 1);
  const put = fc.constantFrom(
    '',
    '\n',
    ' ',
    ':',
    '{',
    '}',
    '[',
    '- ',
    '"',
    'x',
    '0',
    '-',
    '#',
    '\t',
    'null',
    '&a ',
    '*a',
  );
  fc.assert(
    fc.property(place, fc.nat(12), put, (start, length, text) =>
      holds(full.slice(0, start) + text + full.slice(start + length)),
    ),
    { numRuns: 400 },
  );
});

test('the example with lines deleted, doubled and exchanged', () => {
  const lines = full.split('\n');
  const line = fc.nat(lines.length - 1);
  fc.assert(
    fc.property(line, line, fc.constantFrom('delete', 'double', 'exchange'), (a, b, how) => {
      const copy = [...lines];
      if (how === 'delete') copy.splice(a, 1 + (b % 3));
      else if (how === 'double') copy.splice(b, 0, lines[a]!);
      else [copy[a], copy[b]] = [copy[b]!, copy[a]!];
      holds(copy.join('\n'));
    }),
    { numRuns: 300 },
  );
});

test('any value in place of any value of the example', () => {
  const values = [
    'null',
    '[]',
    '{}',
    '0',
    '-1',
    '1.5',
    'true',
    'word',
    '"two words"',
    '[1, 2]',
    '{ a: 1 }',
    '[[]]',
    '{ rank: match }',
    '__proto__',
    'constructor',
  ];
  const spots = [...full.matchAll(/(?<=: )[^#\n]+?(?=\s*(#|\n))/g)];
  fc.assert(
    fc.property(fc.constantFrom(...spots), fc.constantFrom(...values), (spot, value) =>
      holds(full.slice(0, spot.index) + value + full.slice(spot.index + spot[0].length)),
    ),
    { numRuns: 500 },
  );
});

test('keys that are names of JavaScript do no harm', () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    for (const section of ['arms', 'tasks', 'corpora', 'training', 'evaluation'])
      holds(
        `strata: 1\nmodel: m\narms: { base: {}, t: { from: ${name} } }\n${section === 'arms' ? 'x' : section}: { ${name}: { ${name}: 1 } }\n`,
      );
  holds(
    'strata: 1\nmodel: m\narms: { t: { from: constructor, train: [all] }, l: { lora: { rank: match, arm: toString } } }\nevaluation: { tasks: [constructor, perplexity:constructor] }\n',
  );
});

test('nesting that would end the process is refused; what people write is not', () => {
  const deep: Record<string, string> = {
    open: '['.repeat(30_000),
    list: `a: ${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    mapping: `a: ${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`,
    block: Array.from({ length: 3000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    dashes: '- '.repeat(20_000),
    questions: '? '.repeat(20_000),
  };
  for (const [name, text] of Object.entries(deep)) {
    holds(text);
    assert.match(examine(text).diagnostics[0]!.message, /nested too deeply/, name);
  }
  const survived: Record<string, string> = {
    list: `a: ${'['.repeat(190)}${']'.repeat(190)}`,
    mapping: `a: ${'{"a":'.repeat(190)}1${'}'.repeat(190)}`,
    block: Array.from({ length: 390 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    dashes: '- '.repeat(195),
  };
  for (const [name, text] of Object.entries(survived)) {
    holds(text);
    assert.doesNotMatch(examine(text).diagnostics[0]?.message ?? '', /nested too deeply|call stack/, name);
  }
});
