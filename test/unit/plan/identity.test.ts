import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runId, specHash } from '../../../src/plan/identity.ts';
import type { RunSpec } from '../../../src/plan/types.ts';
import { plan, runsOf } from './world.ts';

const spec: RunSpec = {
  engine_semantics: 1,
  model: '0'.repeat(64),
  surgery: { expand: { after: [1], init: 'average', identity: true } },
  trained: ['model.layers.2.mlp.up_proj.weight'],
  seed: 1,
  device: 'cpu',
};

test('the hash of a spec is the sha256 of its canonical JSON (computed by Python), and stays what it is', () => {
  assert.equal(specHash(spec), 'ca1fa76594a4a847d206e1ae02d2c33138526378a75f705b9161ba5c554283ba');
});

test('the order of keys and keys without a value change no hash', () => {
  const turned = Object.fromEntries(Object.entries(spec).reverse()) as unknown as RunSpec;
  assert.equal(specHash({ ...turned, lora: undefined, parent: undefined }), specHash(spec));
});

const ids: [name: string, id: string, expected: string][] = [
  ['as it is', runId('shallow', 's', 1, 'abcdef0123456789'), 'shallow-s-1-abcdef01'],
  ['without a seed', runId('shallow', 'base', undefined, 'abcdef0123456789'), 'shallow-base-abcdef01'],
  ['_ and capitals', runId('My_Test', 's_chat', 2, 'abcdef0123456789'), 'my-test-s-chat-2-abcdef01'],
  ['accents, spaces', runId('Über alles (2)', 's', 1, 'abcdef0123456789'), 'uber-alles-2-s-1-abcdef01'],
  ['no letter at all', runId('実験', 's', 1, 'abcdef0123456789'), 'x-s-1-abcdef01'],
  ['on another device', runId('shallow', 's', 1, 'abcdef0123456789', 'cuda'), 'shallow-s-1-abcdef01-cuda'],
];
for (const [name, id, expected] of ids) test(`run id: ${name}`, () => assert.equal(id, expected));

test('a run id fits 63 characters of [a-z0-9-] and keeps seed and hash, whatever the names', () => {
  const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
  const device = fc.constantFrom<RunSpec['device']>('cpu', 'webgpu', 'cuda');
  fc.assert(
    fc.property(
      fc.string({ maxLength: 90 }),
      fc.stringMatching(/^[a-z][a-z0-9_]{0,90}$/),
      fc.nat(),
      hash,
      device,
      (stem, arm, seed, hash, device) => {
        const id = runId(stem, arm, seed, hash, device);
        assert.match(id, /^[a-z0-9][a-z0-9-]{0,62}$/);
        assert.ok(id.endsWith(`-${seed}-${hash.slice(0, 8)}${device === 'cpu' ? '' : `-${device}`}`));
      },
    ),
  );
});

const arms = (more: string) => `arms:\n  s: { train: [layers 1] }\n${more}`;
const hashOf = (lines: string, training?: string) => runsOf(plan(lines, { training }), 's')[0]?.hash;

test('what decides no weights changes no id: title, tasks compared, other arms, target, checkpoints, recomputation', () => {
  const id = hashOf(arms(''));
  assert.ok(id);
  assert.equal(hashOf(arms('title: Another')), id);
  assert.equal(hashOf(arms('  t: { train: [all] }')), id);
  assert.equal(hashOf(arms('compare: { subject: s }')), id);
  assert.equal(hashOf(arms(''), 'steps: 10, schedule: cosine'), id, 'a default that is written out');
  assert.equal(hashOf(arms(''), 'steps: 10, checkpoint_every: 3'), id);
  assert.equal(hashOf(arms(''), 'steps: 10, recompute: true'), id);
  assert.equal(hashOf(arms(''), 'tokens: 1280'), id, 'as many tokens as the steps hold');
});

test('how often is evaluated changes an id only where the best evaluation is kept', () => {
  const kept = (every: number, training: string) =>
    hashOf(arms(`evaluation: { tasks: ["perplexity:other"], every: ${every} }`), training);
  assert.equal(kept(2, 'steps: 10'), kept(5, 'steps: 10, keep: last'));
  const best = 'steps: 10, keep: { best: "perplexity:other" }';
  assert.equal(new Set([kept(2, 'steps: 10'), kept(2, best), kept(5, best)]).size, 3);
});

test('whatever decides weights changes the id', () => {
  const id = hashOf(arms(''));
  const others = [
    hashOf('arms:\n  s: { train: [layers 2] }'),
    hashOf('arms:\n  s: { train: [layers 1] }\nseeds: [2]'),
    hashOf(arms(''), 'steps: 11'),
    hashOf(arms(''), 'steps: 10, weight_decay: 0.1'),
    hashOf(arms(''), 'steps: 10, replay: { corpus: other, share: 0.5 }'),
    hashOf(arms('  base: {}'), 'steps: 10, distill: { teacher: base, weight: 0.5, corpus: other }'),
    hashOf(arms('  base: {}'), 'steps: 10, distill: { teacher: base, weight: 1, corpus: other }'),
    hashOf('arms:\n  s: { train: [layers 1], training: { corpus: other } }'),
    hashOf('arms:\n  s: { prune: { last: 1 }, train: [layers 1] }'),
  ];
  assert.equal(new Set([id, ...others]).size, others.length + 1);
});
