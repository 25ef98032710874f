import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readJson } from '../../src/base/files.ts';
import { hashTensor } from '../../src/model/hash.ts';
import { openModel } from '../../src/model/open.ts';
import { createAttempt } from '../../src/record/create.ts';
import { layout } from '../../src/record/layout.ts';
import { readEvents, readMetrics, readRun } from '../../src/record/read.ts';
import type { Run } from '../../src/record/types.ts';
import { verifyRun } from '../../src/runner/verify.ts';
import { temporaryFolder } from '../support.ts';
import {
  buildStrata,
  experiment,
  hashFiles,
  placeRuns,
  planOf,
  readEventsNow,
  startWorker,
  work,
  writeWorld,
} from './runner-support.ts';

const folder = await temporaryFolder();
const program = await buildStrata('stages');
await writeWorld(folder);

/** Assistant turns that answer, so that a chat model has something to learn. */
const chats = Array.from({ length: 24 }, (_, i) => ({
  messages: [
    { role: 'user', content: `What is twice ${i}?` },
    { role: 'assistant', content: `It is ${2 * i}.` },
  ],
}));
await writeFile(join(folder, 'data', 'chat.jsonl'), chats.map((c) => `${JSON.stringify(c)}\n`).join(''));
const template =
  "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
const settings = join(folder, 'base', 'tokenizer_config.json');
await writeFile(settings, JSON.stringify({ ...(await readJson<object>(settings)), chat_template: template }));

const text = (arms: string, training: string, evaluation = 'evaluation: { tasks: [recall] }') =>
  experiment({ arms, evaluation })
    .replace('corpora:\n', 'corpora:\n  chat: { files: data/chat.jsonl, field: messages }\n')
    .replace(/training:\n(?: {2}.*\n)+/, `training: { ${training} }\n`);
const short = 'corpus: facts, steps: 12, batch: 4, sequence: 48, learning_rate: 1e-2, checkpoint_every: 4';

async function result(run: Run) {
  const { steps, curve, updates } = await readMetrics(run.folder);
  return {
    files: await hashFiles(run.folder, [layout.model, layout.start, layout.samples]),
    tensors: await readFile(join(run.folder, layout.tensors), 'utf8'),
    scores: await readFile(join(run.folder, layout.scores), 'utf8'),
    steps: steps.map(({ wall: _wall, tokens_per_second: _speed, ...record }) => record),
    curve,
    updates,
  };
}

async function finish(run: Run, attempt = 0): Promise<void> {
  const { code, stderr } = await work(program, run.folder, attempt);
  assert.equal(code, 0, stderr);
}

/** Kills the first attempt as soon as `holds`, and carries a second one out. */
async function killedAndResumed(run: Run, holds: () => boolean): Promise<void> {
  const { child, ended } = startWorker(program, run.folder, 0);
  const timer = setInterval(() => {
    if (!holds()) return;
    clearInterval(timer);
    child.kill('SIGKILL');
  }, 1);
  const { signal } = await ended;
  clearInterval(timer);
  assert.equal(signal, 'SIGKILL', `${run.request.arm} was hit`);
  assert.equal(existsSync(join(run.folder, layout.result(0))), false);
  await createAttempt(run.folder, { ...run.request, attempt: 1 });
  await finish(run, 1);
}

/** Optimizer steps that the first attempt has recorded. */
const taken = (run: Run) => {
  const file = join(run.folder, layout.metrics(0));
  return existsSync(file) ? readFileSync(file, 'utf8').split('"loss"').length - 1 : 0;
};

test('a chain base → continued pretraining → SFT, killed in each stage and resumed, ends bit for bit as an uninterrupted one', {
  timeout: 120_000,
}, async () => {
  const arms = `
  grown: { expand: { after: [1], init: average }, train: [new] }
  more: { from: grown, train: [all], training: { corpus: general } }
  chat: { from: more, lora: { rank: 2 }, training: { corpus: chat } }`;
  const plan = await planOf(folder, 'chain', text(arms, short));
  const expected = [];
  const order = await placeRuns(plan);
  assert.deepEqual(
    order.map((r) => r.request.arm),
    ['grown', 'more', 'chat'],
  );
  for (const run of order) {
    await finish(run);
    expected.push(await result(run));
  }
  // The loss of SFT is that of the assistant's turns: fewer targets than tokens, and another start than the parent's end.
  const [, more, chat] = expected;
  assert.notDeepEqual(more!.steps, chat!.steps);
  const start = await openModel(join(order[2]!.folder, layout.start));
  for (const [name, ref] of (await openModel(order[1]!.folder)).tensors) {
    assert.equal(await hashTensor(start.tensors.get(name)!), await hashTensor(ref), `${name} is the parent's`);
  }

  const moments: ((run: Run) => boolean)[] = [
    (run) => readEventsNow(run.folder).includes('"surgery"'),
    (run) => taken(run) >= 5,
    (run) => readEventsNow(run.folder).includes('"evaluate"'),
  ];
  // Each arm is hit at each moment once: three chains.
  for (let shift = 0; shift < moments.length; shift++) {
    for (const [i, run] of (await placeRuns(plan, true)).entries()) {
      const holds = moments[(i + shift) % moments.length]!;
      await killedAndResumed(run, () => holds(run));
      assert.deepEqual(await result(run), expected[i], `${run.request.arm}, moment ${(i + shift) % moments.length}`);
    }
  }
});

test('distill keeps the model nearer to the unchanged one; killed and resumed it ends bit for bit', {
  timeout: 60_000,
}, async () => {
  const arms = `
  base: {}
  free: { train: [all] }
  held: { train: [all], training: { distill: { teacher: base, weight: 4, corpus: general } } }`;
  const plan = await planOf(folder, 'distill', text(arms, short, "evaluation: { tasks: ['perplexity:general'] }"));
  const runs = await placeRuns(plan);
  for (const run of runs) await finish(run);
  const [base, free, held] = runs;
  const { steps } = await readMetrics(held!.folder);
  assert.equal(steps[0]!.divergence, 0, 'the model begins as its teacher');
  assert.ok(steps.slice(2).every(({ divergence }) => divergence! > 0));
  assert.equal((await readMetrics(free!.folder)).steps[0]!.divergence, undefined);
  const distance = async (run: Run) => {
    const of = async (one: Run) => (await readRun(one.folder)).scores!['perplexity:general']!['bits_per_byte']!.value;
    return Math.abs((await of(run)) - (await of(base!)));
  };
  assert.ok((await distance(held!)) < (await distance(free!)));
  const expected = await result(held!);
  const again = (await placeRuns(plan, true)).find((r) => r.request.arm === 'held')!;
  await killedAndResumed(again, () => taken(again) >= 5);
  assert.deepEqual(await result(again), expected);
});

test('keep: {best: TASK} writes the weights of the best evaluation; killed after it and resumed, the same', {
  timeout: 60_000,
}, async () => {
  // So high a rate makes the model worse on other text: the first evaluation stays the best.
  const training = `${short.replace('1e-2', '1e-1')}, schedule: constant, keep: { best: 'perplexity:general' }`;
  const evaluation = "evaluation: { tasks: [recall, 'perplexity:general'], every: 3 }";
  const plan = await planOf(folder, 'keep', text('\n  full: { train: [all] }', training, evaluation));
  const [run] = await placeRuns(plan);
  await finish(run!);
  const { curve } = await readMetrics(run!.folder);
  const own = curve.filter((r) => r.task === 'perplexity:general' && r.metric === 'bits_per_byte' && r.step > 0);
  assert.deepEqual(
    own.map(({ step }) => step),
    [3, 6, 9, 12],
  );
  const best = own.reduce((a, b) => (b.value < a.value ? b : a));
  const kept = (await readEvents(run!.folder)).find((e) => e.type === 'kept');
  assert.deepEqual(kept && { ...kept, time: 0 }, { time: 0, type: 'kept', ...best });
  assert.ok(best.step < 12, 'not the last, or this shows nothing');
  const final = (await readRun(run!.folder)).scores!['perplexity:general']!['bits_per_byte']!.value;
  assert.ok(Math.abs(final - best.value) < 1e-6, 'what is evaluated at the end is what was kept');
  const expected = await result(run!);
  const [again] = await placeRuns(plan, true);
  await killedAndResumed(again!, () => taken(again!) >= best.step + 1);
  assert.deepEqual(await result(again!), expected);
});

test('an experiment may name a finished run as its model', { timeout: 60_000 }, async () => {
  const first = await planOf(
    folder,
    'first',
    text('\n  s: { expand: { after: [0], init: average }, train: [new] }', short),
  );
  const [parent] = await placeRuns(first);
  await finish(parent!);
  const arms = '\n  base: {}\n  t: { expand: { after: [1], init: copy }, prune: { last: 1 }, train: [new] }';
  const second = text(arms, short).replace('model: base', `model: .strata/runs/${parent!.id}`);
  const runs = await placeRuns(await planOf(folder, 'second', second));
  for (const run of runs) {
    await finish(run);
    const proofs = await verifyRun(await readRun(run.folder), 1);
    assert.deepEqual([proofs.base.state, proofs.hashes.state, proofs.frozen.state], ['holds', 'holds', 'holds']);
  }
  const proofs = await verifyRun(await readRun(runs[1]!.folder), 1);
  assert.equal(proofs.identity.state, 'holds');
  const [base] = runs;
  const unchanged = await openModel(base!.folder);
  for (const [name, ref] of (await openModel(parent!.folder)).tensors)
    assert.equal(await hashTensor(unchanged.tensors.get(name)!), await hashTensor(ref), name);
});
