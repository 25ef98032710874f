import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyFix, type NewEntry, putEntries } from '../../../src/experiment/edits.ts';
import { parse } from '../../../src/experiment/parse.ts';
import { readTree } from '../../../src/experiment/tree.ts';
import { validate } from '../../../src/experiment/validate.ts';
import { actions } from '../../../src/language/actions.ts';
import { complete } from '../../../src/language/complete.ts';
import { hover } from '../../../src/language/hover.ts';
import { diagnose } from '../../../src/plan/diagnose.ts';
import type { ImportanceRecord } from '../../../src/record/importance.ts';
import type { KnownFacts, Measured } from '../../../src/record/measured.ts';
import { atCursor, sampleFacts, view } from './fixture.ts';

/** Layers 1 and 6 matter most, 3 least; what the sample's model of eight layers might give. */
const importance: ImportanceRecord = {
  strata_importance: 1,
  model: 'a'.repeat(64),
  corpus: 'general',
  documents: 10,
  tokens: 100,
  nll: 1,
  layers: 8,
  metrics: { removal: [0.5, 0.9, 0.4, 0.1, 0.3, 0.2, 0.8, 0.6] },
  intervals: {},
};

function measured(change: Partial<Measured[number]> = {}): KnownFacts {
  const corpora = [{ name: 'general', corpus: { hash: '', kind: 'text' as const } }];
  const spec = { metrics: ['removal'], tokens: 4096, corpora, tasks: [] };
  const one = { folder: '/r', stem: 'shallow-vs-rivals', model: '/m', asked: 0, spec, importance };
  return { ...sampleFacts, measured: [{ ...one, standing: 'current', ...change }] };
}

const head = `strata: 1
model: base
corpora: { general: { files: data/general.jsonl, holdout: 0.05 } }
training: { corpus: general, steps: 4, learning_rate: 1e-3 }
`;

/** Titles of the actions at `|`, and the text after each. */
function acted(marked: string, facts: KnownFacts = measured()): { title: string; text: string }[] {
  const { text, offset } = atCursor(head + marked);
  const v = view(text, facts);
  return actions(v, diagnose(v, v.facts, v.plan), { start: offset, end: offset }).map((action) => ({
    title: action.title,
    text: applyFix(text, action).slice(head.length),
  }));
}

const title = 'Write the surgery that removal on general suggests: blocks after 1, 6, without 3';
const lines = `expand: { after: [1, 6], init: average } # the most important by removal
    prune: { layers: [3] } # the least important`;

const places: [what: string, marked: string, after: string][] = [
  [
    'an arm without anything',
    'arms:\n  b|ase: {}\n  x: {}\n',
    `arms:\n  base:\n    ${lines}\n    train: [new]\n  x: {}\n`,
  ],
  ['an arm of which only the name stands', 'arms:\n  b|ase:\n', `arms:\n  base:\n    ${lines}\n    train: [new]\n`],
  ['a name with a comment', 'arms:\n  b|ase: # mine\n', `arms:\n  base: # mine\n    ${lines}\n    train: [new]\n`],
  [
    'an arm in lines, with a rule',
    'arms:\n  s:\n    exp|and: { after: uniform, blocks: 2 } # two\n    train: [new, norms]\n',
    'arms:\n  s:\n    expand: { after: [1, 6], init: average } # two\n    train: [new, norms]\n    prune: { layers: [3] } # the least important\n',
  ],
  [
    'an expansion in lines of its own',
    'arms:\n  s:\n    expand:\n      af|ter: [3]\n      init: copy\n    prune: { last: 1 }\n    train: [new]\n',
    'arms:\n  s:\n    expand: { after: [1, 6], init: average }\n    prune: { layers: [3] }\n    train: [new]\n',
  ],
  [
    'an arm in braces',
    'arms: { s: { expand: { af|ter: [3] }, train: [new] } }\n',
    'arms: { s: { expand: { after: [1, 6], init: average }, train: [new], prune: { layers: [3] } } }\n',
  ],
  [
    'an arm that would train a layer that is gone',
    'arms:\n  s:\n    tr|ain: [layers 3]\n'.replace('tr|ain', 'train').replace('  s:', '  s|:'),
    `arms:\n  s:\n    train: [new]\n    ${lines}\n`,
  ],
  [
    'LoRA, which stays',
    'arms:\n  s|: { lora: { rank: 2, targets: [q_proj] } }\n',
    'arms:\n  s: { lora: { rank: 2, targets: [q_proj] }, expand: { after: [1, 6], init: average }, prune: { layers: [3] } }\n',
  ],
];

for (const [what, marked, after] of places)
  test(`the suggested surgery is written into ${what}`, () => {
    const [found] = acted(marked).filter(({ title: t }) => t.startsWith('Write the surgery'));
    assert.equal(found?.title, title);
    assert.equal(found?.text, after);
    const parsed = parse(head + after, { file: '/x.strata.yaml' });
    assert.deepEqual(
      [...parsed.diagnostics, ...validate(parsed, sampleFacts)].filter((d) => d.severity === 'error'),
      [],
    );
  });

test('it is offered on the arm, on expand and on prune only, and where something is known of this model', () => {
  const offered = (marked: string, facts?: KnownFacts) => acted(marked, facts).map(({ title: t }) => t.slice(0, 17));
  const arm = (s: string) =>
    `arms:\n  s:\n    expand: { after: [1] }\n    prune: { last: 1 }\n    train: [new]\n`.replace(
      s[0]! + s.slice(2),
      s,
    );
  assert.deepEqual(offered(arm('e|xpand')), ['Write the surgery']);
  assert.deepEqual(offered(arm('p|rune')), ['Write the surgery']);
  assert.deepEqual(offered(arm('t|rain: [new]')), []);
  assert.deepEqual(offered(`arms: { s: { train: [all] } }\nse|eds: [1]\n`), []);
  assert.deepEqual(offered(arm('e|xpand'), sampleFacts), []);
  assert.deepEqual(offered(arm('e|xpand'), measured({ standing: 'stale' })), []);
  const [doubtful] = acted(arm('e|xpand'), measured({ standing: 'unknown' }));
  assert.match(doubtful!.title, /, if the model is still the one that was measured$/);
});

test('it is not offered where it would contradict the arm', () => {
  assert.deepEqual(
    acted('arms:\n  s:\n    ex|pand: { after: [1] }\n    merge: { into: 3, of: [3, 4] }\n    train: [new]\n'),
    [],
  );
});

test('an arm that waits for the analysis is resolved by it, and its layers can be written out', () => {
  const analysis = 'analysis: { metrics: [removal], corpus: general, tokens: 4096 }\n';
  const arm = 'arms:\n  s:\n    expand: { af|ter: analysis, by: removal, blocks: 3, init: copy }\n    train: [new]\n';
  const found = acted(analysis + arm);
  assert.deepEqual(
    found.map(({ title: t }) => t),
    [title, 'Write `analysis` out as layers: after: [1, 6, 7]'],
  );
  assert.match(found[1]!.text, /expand: \{ after: \[1, 6, 7\], init: copy \}\n/);
  const { text, offset } = atCursor(head + analysis + arm);
  assert.match(hover(view(text, measured()), offset)!.markdown[0]!, /^after 1, 6, 7: 11 layers/);

  // Asked for with other tokens, of another experiment, or of a model that may have changed: it waits.
  const waits = (marked: string, facts?: KnownFacts) =>
    acted(marked, facts).every(({ title: t }) => !/ out as /.test(t));
  assert.ok(waits(analysis.replace('4096', '8192') + arm));
  assert.ok(waits(analysis + arm, measured({ stem: 'other' })));
  assert.ok(waits(analysis + arm, measured({ standing: 'unknown' })));
});

test('a metric says what it is and how the layers rank; how many go says which', () => {
  const analysis = 'analysis: { metrics: [rem|oval], corpus: general, tokens: 4096 }\n';
  const { text, offset } = atCursor(head + analysis);
  const [what, ranked] = hover(view(text, measured()), offset)!.markdown;
  assert.match(what!, /^`removal`: what the negative log-likelihood rises by/);
  assert.equal(ranked, 'From the most to the least important on general: 1, 6, 7, 0, 2, 4, 5, 3.');
  const count = atCursor(`${head}${analysis.replace('|', '')}arms: { s: { prune: { by: removal, count: |} } }\n`);
  const details = complete(view(count.text, measured()), count.offset).map(({ detail }) => detail);
  assert.deepEqual(details.slice(0, 2), ['without 3', 'without 3, 5']);
});

test('rules that need no measurement are written out too', () => {
  const titles = (marked: string) => acted(marked, sampleFacts).map(({ title: t }) => t);
  assert.deepEqual(titles('arms: { s: { expand: { after: unif|orm, blocks: 2 }, train: [new] } }\n'), [
    'Write `uniform` out as layers: after: [3, 7]',
  ]);
  assert.deepEqual(titles('arms: { s: { expand: { after: [|3] }, train: [new] } }\n'), []);
});

test('entries put into any mapping are there afterwards, and nothing else has changed', () => {
  const scalar = fc.constantFrom('1', 'word', '[1, 2]', '{ a: 1 }', '');
  const mapping = fc.dictionary(fc.constantFrom('expand', 'prune', 'train', 'lora'), scalar, { maxKeys: 4 });
  const layout = fc.constantFrom('lines', 'braces', 'deep');
  const write = (arm: Record<string, string>, how: string): string => {
    const entries = Object.entries(arm);
    if (how === 'braces') return `arms: { s: { ${entries.map(([k, v]) => `${k}: ${v || '0'}`).join(', ')} }, t: {} }\n`;
    if (entries.length === 0) return 'arms:\n  s: {}\n  t: {}\n';
    const of = (v: string) => (how === 'deep' && v === '{ a: 1 }' ? '\n      a: 1' : ` ${v}`);
    return `arms:\n  s:\n${entries.map(([k, v]) => `    ${k}:${of(v)} # why\n`).join('')}  # between\n  t: {}\n`;
  };
  const put: NewEntry[] = [
    { key: 'expand', value: '{ after: [1] }', comment: 'because' },
    { key: 'prune', value: '{ layers: [3] }' },
  ];
  fc.assert(
    fc.property(mapping, layout, (arm, how) => {
      const text = write(arm, how);
      const before = readTree(text);
      assert.deepEqual(before.problems, []);
      const after = readTree(applyFix(text, { title: '', edits: putEntries(before, ['arms', 's'], put) }));
      assert.deepEqual(after.problems, []);
      const old = before.at(['arms', 's']) as Record<string, unknown>;
      const wanted = { ...old, expand: { after: [1] }, prune: { layers: [3] } };
      assert.deepEqual(after.value, { arms: { s: wanted, t: {} } });
    }),
    { numRuns: 300 },
  );
});
