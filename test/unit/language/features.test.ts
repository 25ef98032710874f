import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { applyFix } from '../../../src/experiment/edits.ts';
import { actions } from '../../../src/language/actions.ts';
import { folds } from '../../../src/language/folding.ts';
import { hover } from '../../../src/language/hover.ts';
import { inlays } from '../../../src/language/inlay.ts';
import { lenses } from '../../../src/language/lenses.ts';
import { links } from '../../../src/language/links.ts';
import { definition, rename, usesAt } from '../../../src/language/names.ts';
import { symbols } from '../../../src/language/symbols.ts';
import type { View } from '../../../src/language/view.ts';
import { expectedTensors } from '../../../src/model/names.ts';
import { diagnose } from '../../../src/plan/diagnose.ts';
import { root } from '../../support.ts';
import { atCursor, sample, sampleFacts, view } from './fixture.ts';

/** The first paragraph of the hover at `|`, and what it is about. */
function hovered(marked: string, facts?: Parameters<typeof view>[1]): string {
  const { text, offset } = atCursor(marked);
  const found = hover(view(text, facts), offset);
  return found ? `${text.slice(found.range.start, found.range.end)}: ${found.markdown[0]}` : 'nothing';
}

const at = (what: string, mark = `${what.slice(0, 1)}|${what.slice(1)}`) => sample.replace(what, mark);

test('hover says what a rule comes to in this model', () => {
  assert.equal(hovered(at('shallow_half')), 'shallow_half: after 1, 3: 9 layers, 332 K trained of 1.09 M.');
  assert.equal(
    hovered(at('expand: { after: uniform', 'expand: { after: uni|form')),
    'uniform: after 3, 7: 10 layers, 222 K trained of 1.20 M.',
  );
  assert.equal(hovered(at('last: 1')), 'last: Deletes 1 layer (7): 9 layers in all.');
  assert.equal(hovered(at('into: 6')), 'into: Layer 6 = average of 6, 7.');
  assert.equal(hovered(at('layers 1-3')), 'layers 1-3: 27 tensors, 332 K of 983 K.');
  assert.equal(
    hovered(at('match')),
    'match: Rank 23, alpha 46 on 56 weights: 336 K trained of 983 K. `s` trains 332 K.',
  );
  assert.equal(hovered(at('steps: 32')), 'steps: 32 steps × 1,024 tokens = 32.8 k tokens.');
});

test('hover of a 12-layer model: shallow_half with three blocks', () => {
  const text = `strata: 1\nmodel: twelve\narms:\n  s: { expand: { after: shallow|_half, blocks: 3 }, train: [new] }\n`;
  const base = sampleFacts.base!;
  const config = { ...base.config, layers: 12, windows: Array.from({ length: 12 }, () => null) };
  const tensors = expectedTensors(config).map(({ name, shape }) => ({ name, shape, dtype: 'F32' as const }));
  const refs = tensors.map((t) => ({ ...t, file: '', offset: 0, bytes: 0 }));
  const twelve = {
    ...sampleFacts,
    model: { ...sampleFacts.model!, layers: 12, tensors },
    base: { ...base, config, tensors: new Map(refs.map((ref) => [ref.name, ref])) },
  };
  assert.match(hovered(text, twelve), /^shallow_half: after 1, 3, 5: 15 layers, 332 K trained of 1\.\d+ M\.$/);
});

test('hover on names, keys and nothing', () => {
  assert.match(hovered(at('gain: recall_new', 'gain: recall|_new')), /^recall_new: Task `recall_new`: choice/);
  assert.match(
    hovered(at('replay: { corpus: general', 'replay: { corpus: gen|eral')),
    /^general: Corpus `general`: text, .*5 % held out\. 1 file\.$/,
  );
  assert.match(hovered(at('subject: s', 'subject: s|')), /^s: `s`: 2 new .*9 layers, 332 K trained of 1\.09 M\.$/);
  assert.match(
    hovered(at('  learning_rate: 3', '  learn|ing_rate: 3')),
    /^learning_rate: \*\*learning_rate\*\* – Highest learning rate of AdamW/,
  );
  assert.match(hovered(at('model: base', 'mo|del: base')), /^model: llama: 8 layers \(0-7\), hidden 96/);
  assert.equal(hovered(at('# Do not expect', '# Do| not expect')), 'nothing');
});

test('inlay hints stand behind rules, lists of what is trained, and a matched rank', () => {
  const v = view(sample);
  const shown = inlays(v).map(
    ({ offset, label }) => `${sample.slice(sample.lastIndexOf(' ', offset - 2) + 1, offset)} ‹${label}›`,
  );
  assert.deepEqual(shown, [
    'shallow_half ‹→ 1, 3›',
    'merged] ‹332 K›',
    'uniform ‹→ 3, 7›',
    '[new] ‹222 K›',
    'match ‹= 23›',
    '} ‹336 K›',
    '[all] ‹983 K›',
    '1-3] ‹332 K›',
  ]);
  const half = sample.indexOf('  pro:');
  assert.equal(inlays(v, 0, half).length, 2);
});

const shownLenses = (v: View, options: Parameters<typeof lenses>[1]) =>
  lenses(v, options).map(({ title, arm, command }) => [title, command, ...(arm === undefined ? [] : [arm])].join(' '));

test('lenses on the file and on each arm, with the last result', () => {
  const text = 'strata: 1\nmodel: base\narms:\n  base: {}\n  full: { train: [all] }\nseeds: [1, 2]\n';
  const results = {
    summary: '2 of 3 runs finished',
    arms: { full: { text: 'recall_new 0.71, +0.23 [+0.15, +0.31] better', details: ['sentence'], stale: false } },
  };
  assert.deepEqual(shownLenses(view(text), { results, trusted: true }), [
    'Run strata.run',
    'Plan strata.plan',
    'Compare strata.compare',
    '2 of 3 runs finished strata.compare',
    'Run strata.run base',
    'Plan strata.plan base',
    'Compare strata.compare base',
    'Run strata.run full',
    'Plan strata.plan full',
    'Compare strata.compare full',
    'recall_new 0.71, +0.23 [+0.15, +0.31] better strata.compare full',
  ]);
  assert.deepEqual(
    lenses(view(text), { trusted: true })
      .filter(({ title }) => title === 'Run')
      .map(({ tooltip }) => tooltip),
    [
      'Runs 3 runs; finished ones are reused',
      'Runs 1 run; finished ones are reused',
      'Runs 2 runs; finished ones are reused',
    ],
  );
});

test('in a folder that is not trusted nothing can be run', () => {
  assert.ok(lenses(view(sample), { trusted: false }).every(({ title }) => title !== 'Run'));
});

test('a name is found, and renamed, wherever it stands', () => {
  const text = `${sample}# recall_new\n`;
  const v = view(text);
  const use = text.indexOf('gain: recall_new') + 'gain: '.length;
  const home = definition(v, use + 3)!;
  assert.equal(text.slice(home.start, home.end + 1), 'recall_new:');
  assert.equal(usesAt(v, use).length, 3);
  assert.equal(usesAt(v, use, { definition: false }).length, 2);

  const corpus = text.indexOf('perplexity:general') + 'perplexity:'.length;
  const renamed = rename(v, corpus, 'old_text');
  assert.ok('ranges' in renamed);
  const after = applyFix(text, { title: '', edits: renamed.ranges.map((range) => ({ range, text: 'old_text' })) });
  assert.equal(after, text.replaceAll(/\bgeneral(?=[:,\]} ])(?!\.)/g, 'old_text'));
  assert.deepEqual(
    diagnose(view(after), view(after).facts).filter(({ severity }) => severity === 'error'),
    [],
  );
});

test('a quoted name keeps its quotes', () => {
  const text = 'strata: 1\nmodel: base\narms: { "s": { train: [all] }, t: { from: \'s\', train: [all] } }\n';
  const renamed = rename(view(text), text.indexOf("'s'") + 1, 'u');
  assert.ok('ranges' in renamed);
  const after = applyFix(text, { title: '', edits: renamed.ranges.map((range) => ({ range, text: 'u' })) });
  assert.match(after, /\{ "u": \{ train: \[all\] \}, t: \{ from: 'u'/);
});

test('a rename is refused in words', () => {
  const v = view(sample);
  const s = sample.indexOf('subject: s') + 'subject: '.length;
  assert.deepEqual(rename(v, s, 'pro'), { refused: 'There is an arm pro already.' });
  assert.deepEqual(rename(v, s, 'S 2'), { refused: 'A name is small letters, digits and _, a letter first.' });
  assert.deepEqual(rename(v, 0, 'x'), { refused: 'There is no name of an arm, a corpus or a task here.' });
});

/** Titles of the actions at `|`, and the text after the one that is chosen. */
function acted(marked: string, choose = 0): [string[], string] {
  const { text, offset } = atCursor(marked);
  const v = view(text);
  const found = actions(v, diagnose(v, v.facts), { start: offset, end: offset });
  return [found.map(({ title }) => title), found[choose] ? applyFix(text, found[choose]!) : text];
}

test('quick fixes: what was meant, the missing key, the nearest layer, steps for tokens', () => {
  const [meant, corrected] = acted(at('learning_rate: 3e-3', 'lear|ning_rat: 3e-3'));
  assert.deepEqual(meant, ["Change to 'learning_rate'"]);
  assert.equal(corrected, sample);

  const [near, inside] = acted(at('layers 1-3', 'layers 1-3|0'));
  assert.deepEqual(near, ["Change to '7'"]);
  assert.equal(inside, sample.replace('layers 1-3', 'layers 1-7'));

  const [added, complete] = acted(sample.replace('  steps: 32\n', '').replace('\ntraining:', '\ntrain|ing:'));
  assert.deepEqual(added, ["Add 'steps: 128'"]);
  assert.match(complete, /learning_rate: 3e-3\n {2}steps: 128\n/);

  const [first] = acted(`|${sample.replace('strata: 1\n', '')}`);
  assert.ok(first.includes("Add 'strata: 1'"));

  const [converted, inSteps] = acted(at('steps: 32', 'to|kens: 10000'));
  assert.deepEqual(converted, ["Convert to 'steps: 10' (1024 tokens a step)"]);
  assert.equal(inSteps, sample.replace('steps: 32', 'steps: 10'));
});

test('outline, folding, links', () => {
  const v = view(sample);
  const outline = symbols(v).map(
    ({ name, children }) => `${name}${children.length > 0 ? ` (${children.map((c) => c.name).join(' ')})` : ''}`,
  );
  assert.deepEqual(outline.slice(3, 6), [
    'corpora (new_facts general)',
    'tasks (recall_new recall_old sums)',
    'arms (base s pro lora full control)',
  ]);
  const lines = sample.split('\n');
  assert.deepEqual(
    folds(v).map(({ startLine, endLine }) => [lines[startLine]!.trim().slice(0, 8), endLine - startLine]),
    [
      ['# Teache', 6],
      ['corpora:', 2],
      ['tasks:', 3],
      ['arms:', 10],
      ['s:', 4],
      ['# One ra', 1],
      ['training', 6],
    ],
  );
  assert.deepEqual(
    links(v).map(({ range, file }) => [sample.slice(range.start, range.end), file]),
    [
      ['base', join(root, 'samples', 'base', 'config.json')],
      ...['new-facts', 'general', 'recall-new', 'recall-old', 'sums'].map((name) => [
        `data/${name}.jsonl`,
        join(root, 'samples', 'data', `${name}.jsonl`),
      ]),
    ],
  );
});

test('a pattern with wildcards is no link', () => {
  assert.deepEqual(links(view('corpora: { a: { files: data/*.jsonl } }', undefined)).length, 0);
});

test('the grammar and the snippets are read by JSON, and snippets are experiments', () => {
  const json = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
  assert.equal(json('syntaxes/strata.tmLanguage.json').scopeName, 'source.strata');
  assert.ok(json('language-configuration.json').comments);
  const { Experiment } = json('snippets/strata.json');
  const text = (Experiment.body as string[])
    .join('\n')
    .replaceAll(/\$\{\d:([^}]*)\}/g, '$1')
    .replace('$0', '');
  const found = diagnose(view(text.replace('model: model', 'model: base')), undefined);
  assert.deepEqual(found, []);
});
