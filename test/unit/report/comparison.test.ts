import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compare } from '../../../src/report/comparison.ts';
import type { Comparison, Contrast } from '../../../src/report/types.ts';
import { studentQuantile } from '../../../src/statistics/student.ts';
import { answers, inputOf, runWith, texts } from './by-hand.ts';
import { makeRun, makeWorld } from './world.ts';

const near = (actual: number | undefined, expected: number) =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-12, `${actual} is not ${expected}`);

function contrast({ contrasts }: Comparison, arm: string, against: string, task: string): Contrast {
  const found = contrasts.find((c) => c.arm === arm && c.against === against && c.task === task);
  assert.ok(found, `no contrast of ${arm} against ${against} on ${task}`);
  return found;
}

const twenty = (ones: number) => '1'.repeat(ones) + '0'.repeat(20 - ones);

test('gain and forgetting of a score: more right answers are gain, fewer are forgetting', () => {
  const comparison = compare(
    inputOf([
      runWith('base', undefined, { new: answers(twenty(4)), old: answers(twenty(20)) }),
      runWith('s', 1, { new: answers(twenty(16)), old: answers(twenty(12)) }),
    ]),
  );
  const gain = contrast(comparison, 's', 'base', 'new');
  assert.equal(gain.role, 'gain');
  near(gain.value, 0.8);
  near(gain.againstValue, 0.2);
  near(gain.effect, 0.6);
  assert.equal(gain.verdict, 'better');
  assert.deepEqual(gain.flips, { gained: [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], lost: [] });
  near(gain.mcnemar?.p, 2 / 2 ** 12);
  const forgetting = contrast(comparison, 's', 'base', 'old');
  near(forgetting.effect, 0.4);
  assert.equal(forgetting.verdict, 'worse');
  assert.deepEqual(forgetting.flips?.lost, [12, 13, 14, 15, 16, 17, 18, 19]);
});

test('gain and forgetting of bits per byte: a lower value is gain, a higher one is forgetting', () => {
  const flat = (nats: number) => texts(Array.from({ length: 12 }, () => [nats, 10]));
  const comparison = compare(
    inputOf([
      runWith('base', undefined, { new: flat(20), old: flat(10) }),
      runWith('s', 1, { new: flat(15), old: flat(13) }),
    ]),
  );
  const gain = contrast(comparison, 's', 'base', 'new');
  assert.equal(gain.metric, 'bits_per_byte');
  near(gain.effect, 0.5 / Math.LN2);
  assert.equal(gain.verdict, 'better');
  const forgetting = contrast(comparison, 's', 'base', 'old');
  near(forgetting.effect, 0.3 / Math.LN2);
  assert.equal(forgetting.verdict, 'worse');
  assert.equal(forgetting.flips, undefined);
});

test('ratio metrics divide sums, not documents: a long document weighs more', () => {
  const base = texts([[10, 10], [300, 100], ...Array.from({ length: 8 }, (): [number, number] => [10, 10])]);
  const changed = texts([[20, 10], [300, 100], ...Array.from({ length: 8 }, (): [number, number] => [10, 10])]);
  const comparison = compare(
    inputOf([runWith('base', undefined, { old: base }), runWith('s', 1, { old: changed })], {
      compare: { forgetting: [{ task: 'old', metric: 'word_perplexity' }] },
    }),
  );
  const forgetting = contrast(comparison, 's', 'base', 'old');
  // 390 and 400 nats over 190 bytes = 38 words.
  near(forgetting.againstValue, Math.exp(390 / 38));
  near(forgetting.effect, Math.exp(400 / 38) - Math.exp(390 / 38));
  assert.equal(forgetting.verdict, 'not distinguishable');
});

test('an arm evaluated once pairs with every seed of the other', () => {
  const comparison = compare(
    inputOf([
      runWith('base', undefined, { new: answers(twenty(4)) }),
      runWith('s', 1, { new: answers(twenty(12)) }),
      runWith('s', 2, { new: answers(twenty(14)) }),
      runWith('s', 3, { new: answers(twenty(16)) }),
    ]),
  );
  const gain = contrast(comparison, 's', 'base', 'new');
  assert.deepEqual(gain.seeds, [1, 2, 3]);
  near(gain.effect, 0.5);
  // Effects 0.4, 0.5, 0.6: sd 0.1, t(.975, 2).
  const half = (studentQuantile(0.975, 2) * 0.1) / Math.sqrt(3);
  near(gain.seedInterval?.low, 0.5 - half);
  near(gain.seedInterval?.high, 0.5 + half);
  assert.equal(gain.mcnemar, undefined, 'flips of several seeds are no independent documents');
});

test('trained arms are paired seed by seed, over the seeds that both have', () => {
  const comparison = compare(
    inputOf(
      [
        runWith('s', 1, { new: answers(twenty(12)) }),
        runWith('s', 2, { new: answers(twenty(14)) }),
        runWith('s', 3, { new: answers(twenty(16)) }),
        runWith('lora', 2, { new: answers(twenty(13)) }),
        runWith('lora', 3, { new: answers(twenty(13)) }),
      ],
      { compare: { subject: 's', gain: { task: 'new' }, forgetting: [] } },
    ),
  );
  const gain = contrast(comparison, 's', 'lora', 'new');
  assert.deepEqual(gain.seeds, [2, 3]);
  near(gain.value, 0.75);
  near(gain.effect, 0.1);
});

test('the document interval is that of the mean over seeds of each document', () => {
  // Two seeds that disagree on every document: the mean is one half everywhere, so there is no spread over documents.
  const comparison = compare(
    inputOf([
      runWith('base', undefined, { new: answers('0'.repeat(20)) }),
      runWith('s', 1, { new: answers('10'.repeat(10)) }),
      runWith('s', 2, { new: answers('01'.repeat(10)) }),
    ]),
  );
  const gain = contrast(comparison, 's', 'base', 'new');
  near(gain.documentInterval?.low, 0.5);
  near(gain.documentInterval?.high, 0.5);
  assert.deepEqual(gain.flips, { gained: [], lost: [] }, 'a tie between seeds is no flip');
});

test('documents with another prompt or target are not paired, and it is said', () => {
  const other = answers(twenty(20)).map((s) => (s.doc_id < 5 ? { ...s, prompt_hash: 'x' } : s));
  const comparison = compare(
    inputOf([runWith('base', undefined, { new: answers(twenty(10)) }), runWith('s', 1, { new: other })]),
  );
  const gain = contrast(comparison, 's', 'base', 'new');
  assert.equal(gain.documents, 15);
  assert.equal(gain.unpaired, 5);
  near(gain.againstValue, 5 / 15);
  assert.ok(comparison.notes.some((n) => n.includes('5 documents') && n.includes('not paired')));
});

test('not enough data is a verdict, with the reason', () => {
  const withoutRuns = compare(
    inputOf([makeRun('base')], { arms: ['base', 's'], compare: { subject: 's', forgetting: [] } }),
  );
  assert.equal(contrast(withoutRuns, 's', 'base', 'sums').verdict, 'not enough data');

  const few = compare(
    inputOf([runWith('base', undefined, { new: answers('0000') }), runWith('s', 1, { new: answers('1111') })]),
  );
  const gain = contrast(few, 's', 'base', 'new');
  assert.equal(gain.verdict, 'not enough data');
  assert.match(gain.reason!, /4 documents/);

  const disjoint = compare(
    inputOf([
      runWith('base', undefined, { new: answers(twenty(3)) }),
      runWith('s', 1, { new: answers(twenty(3)).map((s) => ({ ...s, target_hash: 'other' })) }),
    ]),
  );
  assert.match(contrast(disjoint, 's', 'base', 'new').reason!, /different documents/);
});

test('each metric is named with its role; tasks that nobody chose come last, by their primary metric', () => {
  const { metrics, baseline, subject } = compare(makeWorld([1]), { resamples: 100 });
  assert.deepEqual(
    metrics.map((m) => `${m.role} ${m.task} ${m.metric} ${m.higherIsBetter}`),
    [
      'gain recall_new acc true',
      'forgetting recall_old acc true',
      'forgetting perplexity:general bits_per_byte false',
      'other sums exact_match true',
    ],
  );
  assert.equal(baseline, 'base');
  assert.equal(subject, 's');
});

test('without a word in the file, the untouched arm is the baseline and the first expanded arm the subject', () => {
  const world = makeWorld([1]);
  const { baseline, subject } = compare({ ...world, compare: { forgetting: [] } }, { resamples: 100 });
  assert.equal(baseline, 'base');
  assert.equal(subject, 's');
});

test('the subject is held against the baseline and every other arm, and every arm against the baseline', () => {
  const { contrasts, metrics } = compare(makeWorld([1]), { resamples: 100 });
  const pairs = contrasts.filter((c) => c.task === 'sums').map((c) => `${c.arm} ${c.against}`);
  assert.deepEqual(pairs, [
    's base',
    'pro base',
    'lora base',
    'full base',
    'control base',
    's pro',
    's lora',
    's full',
    's control',
  ]);
  assert.equal(contrasts.length, pairs.length * metrics.length);
});

test('missing runs are listed with what is known of them; unfinished ones give no numbers they do not have', () => {
  const world = makeWorld([1, 2]);
  const isRun = (arm: string, seed: number) => (r: (typeof world.runs)[number]) =>
    r.run.request.arm === arm && r.run.request.seed === seed;
  const failed = world.runs.find(isRun('lora', 2))!;
  failed.run = { ...failed.run, state: 'failed', reason: 'The disk is full.', scores: undefined };
  const partly = world.runs.find(isRun('pro', 1))!;
  partly.run = { ...partly.run, scores: { ...partly.run.scores } };
  delete partly.run.scores!['sums'];
  const comparison = compare(
    {
      ...world,
      runs: world.runs.filter((r) => !isRun('full', 2)(r)),
      pending: [{ arm: 'by_analysis', reason: 'it waits for an analysis.' }],
    },
    { resamples: 100 },
  );
  assert.deepEqual(comparison.missing, [
    { arm: 'by_analysis', reason: 'pending: it waits for an analysis.' },
    { arm: 'pro', seed: 1, reason: 'has no results for sums' },
    { arm: 'lora', seed: 2, reason: 'failed: The disk is full.' },
    { arm: 'full', seed: 2, reason: 'not started' },
  ]);
  assert.deepEqual(contrast(comparison, 's', 'lora', 'sums').seeds, [1]);
  assert.deepEqual(contrast(comparison, 's', 'pro', 'sums').seeds, [2]);
});

test('stale runs are named and change no number', () => {
  const world = makeWorld([1]);
  const stale = [{ id: 'shallow-s-1-deadbeef', arm: 's', seed: 1, state: 'succeeded' as const }];
  const withStale = compare({ ...world, stale }, { resamples: 100 });
  assert.deepEqual(withStale.stale, stale);
  assert.deepEqual({ ...withStale, stale: [] }, compare(world, { resamples: 100 }));
});

test('what differs between the training of arms is found, and only that', () => {
  const { differences } = compare(makeWorld([1]), { resamples: 100 });
  assert.deepEqual(differences, [
    { key: 'learning_rate', values: { s: '0.003', pro: '0.003', lora: '0.006', full: '0.003', control: '0.003' } },
  ]);
});

test('runs that are less comparable than they look are noted', () => {
  const world = makeWorld([1]);
  const [first] = world.runs;
  first!.run = { ...first!.run, spec: { ...first!.run.spec, model: 'f'.repeat(64), device: 'cuda' } };
  const { notes } = compare(world, { resamples: 100 });
  assert.ok(notes.some((n) => n.includes('2 different base models')));
  assert.ok(notes.some((n) => n.includes('different devices: cuda, cpu')));
});

test('proofs: a frozen tensor that changed is found by its hashes, whatever the run says', () => {
  const world = makeWorld([1]);
  const run = world.runs.find((r) => r.run.request.arm === 's')!;
  const name = Object.keys(run.tensors!)[0]!;
  run.tensors = { ...run.tensors, [name]: { ...run.tensors![name]!, end: 'changed' } };
  const { arms } = compare(world, { resamples: 100 });
  const proofs = (arm: string) => arms.find((a) => a.name === arm)!.runs[0]!;
  assert.equal(proofs('s').frozen.state, 'broken');
  assert.match(proofs('s').frozen.detail, /1 of 6 frozen tensors changed: model\.layers\.0/);
  assert.equal(proofs('s').identity.state, 'holds');
  assert.equal(proofs('pro').frozen.state, 'holds');
  assert.equal(proofs('full').frozen.state, 'not-applicable');
  assert.equal(proofs('control').identity.state, 'not-applicable');
});

test('an expansion without a word on its identity is not taken as proven', () => {
  const run = makeRun('s', 1);
  delete run.identity;
  const { arms } = compare(inputOf([run]), { resamples: 100 });
  assert.equal(arms[0]!.runs[0]!.identity.state, 'absent');
});

test('cost: trained parameters counted from tensors and adapters, seconds from the recorded speed', () => {
  const { arms } = compare(makeWorld([1]), { resamples: 100 });
  const arm = (name: string) => arms.find((a) => a.name === name)!;
  assert.equal(arm('s').trainedParameters, 3 * 256 * 96);
  assert.equal(arm('lora').trainedParameters, 8 * 23 * (256 + 96));
  assert.equal(arm('full').trainedParameters, arm('full').totalParameters);
  assert.equal(arm('s').trainSeconds, (32 * 16 * 64) / 8192);
  assert.equal(arm('base').trainSeconds, undefined);
});

test('loss curves: mean and range over seeds, long ones averaged and not cut', () => {
  const runs = [1, 2].map((seed) => {
    const run = makeRun('s', seed);
    const steps = Array.from({ length: 1000 }, (_, i) => ({ ...run.steps[0]!, step: i + 1, loss: seed + i / 1000 }));
    return { ...run, steps };
  });
  const [curve] = compare(inputOf(runs), { resamples: 100 }).lossCurves;
  assert.equal(curve!.stride, 3);
  assert.equal(curve!.points.length, 334);
  assert.equal(curve!.points.at(-1)!.step, 1000);
  near(curve!.points[0]!.low, 1.001);
  near(curve!.points[0]!.mean, 1.501);
  near(curve!.points[0]!.high, 2.001);
});

test('curves of scores end with the final score', () => {
  const { scoreCurves } = compare(makeWorld([1]), { resamples: 100 });
  const curve = scoreCurves.find((c) => c.task === 'recall_new')!.curves.find((c) => c.arm === 's')!;
  assert.deepEqual(
    curve.points.map((p) => p.step),
    [0, 16, 32],
  );
  near(curve.points[2]!.mean, makeRun('s', 1).run.scores!['recall_new']!['acc']!.value);
});

test('flipped documents are kept in words: the question, the answer, what each arm said', () => {
  const comparison = compare(makeWorld([1]), { resamples: 100, shownFlips: 2 });
  const [doc] = contrast(comparison, 's', 'base', 'recall_new').flips!.gained;
  const text = comparison.documents['recall_new']!.find((d) => d.doc === doc)!;
  assert.match(text.context, /^Question: Where does/);
  assert.equal(text.answers['s'], text.expected);
  assert.notEqual(text.answers['base'], text.expected);
});

test('the same runs and seed give the same comparison, whatever the order of the runs', () => {
  const world = makeWorld([1, 2]);
  const first = compare(world, { resamples: 200, seed: 5 });
  assert.deepEqual(compare({ ...world, runs: [...world.runs].reverse() }, { resamples: 200, seed: 5 }), first);
  assert.notDeepEqual(compare(world, { resamples: 200, seed: 6 }).contrasts, first.contrasts);
});

test('swapping two arms turns every sign', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1), fc.nat(1)), { minLength: 10, maxLength: 30 }), (pairs) => {
      const a = runWith('s', 1, { new: answers(pairs.map(([x]) => x).join('')) });
      const b = runWith('pro', 1, { new: answers(pairs.map(([, y]) => y).join('')) });
      const of = (subject: string, baseline: string) =>
        compare(inputOf([a, b], { compare: { subject, baseline, gain: { task: 'new' }, forgetting: [] } }), {
          resamples: 200,
        }).contrasts[0]!;
      const [there, back] = [of('s', 'pro'), of('pro', 's')];
      near(there.effect, -back.effect!);
      near(there.documentInterval!.low, -back.documentInterval!.high);
      assert.deepEqual(there.flips!.gained, back.flips!.lost);
    }),
    { numRuns: 40 },
  );
});

test('what four bits cost before training is said where the arm is judged', () => {
  const precision = { kind: 'int4' as const, tokens: 252, stored: 3.25, lowered: 3.2625 };
  const runs = [
    runWith('base', undefined, { new: answers('10'), old: answers('11') }),
    { ...runWith('s', 1, { new: answers('11'), old: answers('11') }), precision },
  ];
  const { notes } = compare(inputOf(runs), { resamples: 50 });
  assert.ok(
    notes.includes(
      's: its frozen matrices are in int4, which changed the loss before training by +0.0125 nats a token (3.2500 to 3.2625 on 252 tokens); it was trained and evaluated so.',
    ),
    notes.join('\n'),
  );
});

test('where the best weights were kept, it is said which, and that their verdict is favoured', () => {
  const kept = (step: number) => ({ task: 'old', step, metric: 'acc', value: 0.9 });
  const runs = [
    runWith('base', undefined, { new: answers('10'), old: answers('11') }),
    { ...runWith('s', 1, { new: answers('11'), old: answers('11') }), kept: kept(8) },
    { ...runWith('s', 2, { new: answers('11'), old: answers('11') }), kept: kept(32) },
  ];
  const { notes } = compare(inputOf(runs), { resamples: 50 });
  assert.ok(
    notes.includes(
      's: its weights are those of step 8, 32 of 32, the best by old acc. A verdict on old favours it for that; judge it by the other tasks.',
    ),
    notes.join('\n'),
  );
});
