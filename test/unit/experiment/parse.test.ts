import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type * as z from 'zod';
import { parse } from '../../../src/experiment/parse.ts';
import { mergeTraining, stemOf } from '../../../src/experiment/resolve.ts';
import type { schemas } from '../../../src/experiment/schema.ts';
import type { training } from '../../../src/experiment/schema-arms.ts';
import type * as t from '../../../src/experiment/types.ts';
import { examine } from '../../../src/experiment/validate.ts';
import { root } from '../../support.ts';

/** The example of the language's design, whole. */
const full = readFileSync(join(root, 'test/unit/experiment/fixtures/full.strata.yaml'), 'utf8');

/** An experiment whose arms and training are these. */
function experiment(
  arms: string,
  training = '{ corpus: facts, steps: 4, learning_rate: 1e-3 }',
  rest = '',
): t.Experiment {
  const text = `strata: 1\nmodel: base\ncorpora: { facts: { files: facts.txt } }\narms:\n${arms}\ntraining: ${training}\n${rest}`;
  const { experiment, diagnostics } = parse(text);
  assert.ok(experiment, diagnostics.map((d) => d.message).join('\n'));
  return experiment;
}
const trainingOf = (arms: string, training?: string) => experiment(arms, training).arms['a']!.training!;

test('the whole example parses', () => {
  const { experiment, diagnostics } = parse(full, { file: '/x/full.strata.yaml' });
  assert.deepEqual(diagnostics, []);
  assert.ok(experiment);
  assert.equal(experiment.stem, 'full');
  assert.deepEqual(Object.keys(experiment.arms), ['base', 's', 'pro', 'lora', 'full', 'control', 's_chat']);
  assert.deepEqual(experiment.arms['s']?.expand, {
    after: { kind: 'rule', rule: 'shallow_half', blocks: 3 },
    init: 'average',
    identity: true,
  });
  assert.deepEqual(experiment.arms['s']?.prune, { kind: 'last', count: 2 });
  assert.deepEqual(experiment.arms['control']?.train, [{ kind: 'layers', from: 1, to: 4, text: 'layers 1-4' }]);
  assert.deepEqual(experiment.arms['lora']?.lora?.rank, { kind: 'match', arm: 's' });
  assert.deepEqual(experiment.corpora['fixed'], { kind: 'tokens', files: ['data/rows.jsonl'] });
  assert.deepEqual(experiment.compare.forgetting, [{ task: 'recall_old' }, { task: 'perplexity:general' }]);
});

test('everything in the whole example is carried out', () => {
  const { experiment, diagnostics } = examine(full);
  assert.ok(experiment);
  assert.deepEqual(
    diagnostics.filter((d) => d.severity === 'error').map((d) => `${d.line}:${d.column} ${d.code}`),
    [],
  );
});

test('layers that the example names are checked against the model', () => {
  const model = {
    family: 'llama',
    layers: 8,
    positions: 512,
    vocabSize: 99,
    tied: true,
    tensors: [],
    linearModules: [],
  };
  const { diagnostics } = examine(full, { facts: { model } });
  assert.deepEqual(
    diagnostics.filter((d) => d.code === 'layer-out-of-range').map((d) => full.slice(d.range.start, d.range.end)),
    ['9', '9', '10', '11'],
  );
});

test('defaults of training', () => {
  assert.deepEqual(trainingOf('  a: { train: [all] }'), {
    corpus: 'facts',
    length: { unit: 'steps', value: 4 },
    batch: 8,
    micro_batch: 8,
    packing: 'document',
    learning_rate: 0.001,
    schedule: 'cosine',
    warmup: 0.05,
    betas: [0.9, 0.95],
    epsilon: 1e-8,
    weight_decay: 0,
    clip: 1,
    precision: 'float32',
    base_precision: 'auto',
    recompute: 'auto',
    checkpoint_every: 50,
    keep: 'last',
  });
});

test('defaults of the file', () => {
  const { experiment } = parse(
    'strata: 1\nmodel: m\narms: { base: {} }\ntasks: { q: { kind: generate, files: q.jsonl } }\n',
    {
      file: '/x/first.yaml',
    },
  );
  assert.deepEqual(experiment, {
    file: '/x/first.yaml',
    stem: 'first',
    model: 'm',
    corpora: {},
    tasks: {
      q: {
        kind: 'generate',
        files: ['q.jsonl'],
        target_delimiter: ' ',
        shot_delimiter: '\n\n',
        shots: 0,
        sampler: 'random',
        chat: false,
        max_tokens: 64,
        stop: ['\n'],
        match: 'exact',
      },
    },
    arms: { base: { name: 'base', overrides: [] } },
    evaluation: { tasks: ['q'] },
    compare: { baseline: 'base', forgetting: [] },
    seeds: [1],
    target: { kind: 'local' },
    device: 'auto',
  });
});

test("micro_batch follows the arm's batch", () => {
  assert.equal(trainingOf('  a: { train: [all], training: { batch: 2 } }').micro_batch, 2);
});

test("an arm's training replaces key by key, null removes, one length replaces another", () => {
  const inherited =
    '{ corpus: facts, steps: 4, learning_rate: 1e-3, clip: 0.5, replay: { corpus: facts, share: 0.5 } }';
  const a = trainingOf(
    '  a: { train: [all], training: { tokens: 100, clip: null, replay: null, learning_rate: 0.01 } }',
    inherited,
  );
  assert.deepEqual(a.length, { unit: 'tokens', value: 100 });
  assert.equal(a.clip, 1, 'the default again');
  assert.equal(a.replay, undefined);
  assert.equal(a.learning_rate, 0.01);
  assert.equal(a.corpus, 'facts');
  assert.deepEqual(experiment('  a: { train: [all], training: { tokens: 100, clip: null } }').arms['a']?.overrides, [
    'tokens',
    'clip',
  ]);
});

test('a length that is removed and given anew', () => {
  assert.deepEqual(mergeTraining({ steps: 4, batch: 2 }, { steps: null, epochs: 1 }), { batch: 2, epochs: 1 });
  assert.deepEqual(mergeTraining({ steps: 4 }, { steps: null }), {});
  assert.deepEqual(mergeTraining(undefined, { steps: 3 }), { steps: 3 });
});

test('an arm that trains nothing has no training', () => {
  const { arms } = experiment('  base: {}\n  cut: { prune: { last: 1 } }\n  a: { lora: { rank: 2 } }');
  assert.equal(arms['base']?.training, undefined);
  assert.equal(arms['cut']?.training, undefined);
  assert.ok(arms['a']?.training);
});

test('every form of an arm', () => {
  const { arms } =
    experiment(`  layers: { expand: { after: [3, 3], init: random, identity: false }, train: [layers 3+, layers 3+2] }
  cut: { prune: { layers: [1, 2] }, merge: { into: 0, of: [0, 1] }, train: [merged, head, "model.layers.*.mlp.*"] }
  a: { lora: { rank: 4, alpha: 32, targets: [q_proj], layers: [0], rslora: true } }
  b: { lora: { adapter: folder } }
  c: { from: a, train: [layers 0] }`);
  assert.deepEqual(arms['layers']?.expand, {
    after: { kind: 'layers', layers: [3, 3] },
    init: 'random',
    identity: false,
  });
  assert.deepEqual(arms['layers']?.train, [
    { kind: 'inserted', after: 3, text: 'layers 3+' },
    { kind: 'inserted', after: 3, ordinal: 2, text: 'layers 3+2' },
  ]);
  assert.deepEqual(arms['cut']?.prune, { kind: 'layers', layers: [1, 2] });
  assert.deepEqual(arms['cut']?.train?.at(-1), { kind: 'glob', text: 'model.layers.*.mlp.*' });
  assert.deepEqual(arms['a']?.lora, {
    rank: { kind: 'fixed', rank: 4 },
    alpha: 32,
    targets: ['q_proj'],
    layers: [0],
    rslora: true,
  });
  assert.deepEqual(arms['b']?.lora, {
    rank: { kind: 'adapter' },
    targets: 'all_linear',
    rslora: false,
    adapter: 'folder',
  });
  assert.equal(arms['c']?.from, 'a');
});

test('targets', () => {
  const target = (text: string) => experiment('  base: {}', undefined, `target: ${text}\n`).target;
  assert.deepEqual(target('local'), { kind: 'local' });
  assert.deepEqual(target('{ ssh: gpu-box }'), { kind: 'ssh', host: 'gpu-box' });
  assert.deepEqual(target('slurm'), { kind: 'slurm', options: {} });
  assert.deepEqual(target('{ slurm: cluster, gpus: 1, time: 2h }'), {
    kind: 'slurm',
    host: 'cluster',
    options: { gpus: 1, time: '2h' },
  });
});

test('compare takes base, else the first unchanged arm, and the first other arm with expand', () => {
  assert.deepEqual(experiment('  plain: {}\n  x: { expand: { after: [0] } }').compare, {
    baseline: 'plain',
    subject: 'x',
    forgetting: [],
  });
  assert.deepEqual(experiment('  x: { train: [all] }').compare, { forgetting: [] });
});

test('the stem is the name without .strata.yaml', () => {
  assert.deepEqual(['/a/b.strata.yaml', 'c.yaml', 'd.e.strata.yml', ''].map(stemOf), ['b', 'c', 'd.e', 'experiment']);
});

test('a draft keeps what is not broken', () => {
  const { experiment, draft } = parse(full.replace('steps: 128', 'steps: no').replace('{ into: 9,', '{ intoo: 9,'));
  assert.equal(experiment, undefined);
  assert.equal(draft.arms['s']?.merge, undefined);
  assert.ok(draft.arms['s']?.expand);
  assert.equal(Object.keys(draft.arms).length, 7);
});

// What the schema lets through and what the rest of the program is told are the same: checked by the compiler.
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Flat<T> = { [K in keyof T]: T[K] };
type Out<K extends keyof typeof schemas> = z.output<(typeof schemas)[K]>;
type Written = z.output<typeof training>;
const agree = <_ extends true>() => undefined;
agree<
  Equal<
    Flat<Omit<t.TrainingSpec, 'length' | 'micro_batch'>>,
    Flat<Omit<Written, t.TrainingSpec['length']['unit'] | 'micro_batch'>>
  >
>();
agree<Equal<t.MergeSpec, Out<'merge'>>>();
agree<Equal<t.ExpandSpec['init'], Out<'expand'>['init']>>();
agree<Equal<t.ExpandRule, Extract<Out<'expand'>['after'], string>>>();
agree<Equal<Flat<Omit<t.LoraSpec, 'rank'>>, Flat<Omit<Out<'lora'>, 'rank' | 'arm'>>>>();
agree<Equal<Exclude<keyof t.AnalysisSpec, 'corpora'>, Exclude<keyof Out<'analysis'>, 'corpus'>>>();
agree<
  Equal<
    Flat<Omit<Extract<t.TaskSpec, { kind: 'generate' }>, 'files' | 'shots_from'>>,
    Flat<Omit<Extract<Out<'task'>, { kind: 'generate' }>, 'files' | 'shots_from'>>
  >
>();
agree<
  Equal<
    Flat<Omit<Extract<t.CorpusSpec, { kind: 'text' }>, 'files' | 'kind'>>,
    Flat<Omit<Exclude<Out<'corpus'>, { tokens: unknown }>, 'files'>>
  >
>();
agree<Equal<keyof t.ArmSpec, keyof Out<'arm'> | 'name' | 'overrides'>>();
