import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, cp, open, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { attempt } from '../../src/base/problem.ts';
import { placeOrders } from '../../src/launch/order.ts';
import { orderOf } from '../../src/launch/submit.ts';
import { hashTensor } from '../../src/model/hash.ts';
import { openModel } from '../../src/model/open.ts';
import { readTensor } from '../../src/model/safetensors.ts';
import type { Plan } from '../../src/plan/types.ts';
import { createAttempt } from '../../src/record/create.ts';
import { homeOf, layout } from '../../src/record/layout.ts';
import { readEvents, readMetrics, readRun, readSamples } from '../../src/record/read.ts';
import { readRecord, readResult } from '../../src/record/snapshot.ts';
import type { Run, Scores, TensorProofs } from '../../src/record/types.ts';
import { verifyRun } from '../../src/runner/verify.ts';
import { temporaryFolder } from '../support.ts';
import {
  buildStrata,
  experiment,
  hashFiles,
  placeRuns,
  planOf,
  startWorker,
  work,
  writeWorld,
} from './runner-support.ts';

const program = await buildStrata('runner');
const shared = await temporaryFolder();
await writeWorld(shared);

async function world(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(shared, folder, { recursive: true });
  return folder;
}

async function finished(folder: string, attempt = 0): Promise<Run> {
  const { code, stderr } = await work(program, folder, attempt);
  assert.equal(code, 0, stderr);
  return readRun(folder);
}
const proofs = async (folder: string) => (await readRecord<TensorProofs>(folder, layout.tensors))!;
const problemOf = async (folder: string, n = 0) => (await readResult(folder, n))?.problem;
const waitFor = async (holds: () => boolean | Promise<boolean>) => {
  for (let i = 0; !(await holds()); i++) {
    if (i > 4000) throw new Error('it did not come about in 20 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test('a run writes what its directory promises: model, proofs, scores, samples, each step once', async () => {
  const folder = await world();
  const plan = await planOf(folder, 'tiny', experiment());
  const [run] = await placeRuns(plan);
  await finished(run!.folder);

  const tensors = await proofs(run!.folder);
  const model = await openModel(run!.folder);
  assert.deepEqual(Object.keys(tensors), [...model.tensors.keys()], 'every tensor of the resulting model');
  const base = await openModel(join(folder, 'base'));
  const trained = new Set(plan.runs[0]!.spec.trained);
  for (const [name, proof] of Object.entries(tensors)) {
    assert.equal(proof.role, trained.has(name) ? 'trained' : 'frozen', name);
    assert.equal(proof.end, await hashTensor(model.tensors.get(name)!), name);
    if (trained.has(name)) assert.notEqual(proof.start, proof.end, `${name} was trained`);
    else assert.equal(proof.start, proof.end, `${name} is frozen`);
  }
  // Layer 2 of the result is the base's layer 1, through the map 0 0+ 1 1+ 2.
  const kept = 'model.layers.2.mlp.up_proj.weight';
  assert.equal(tensors[kept]!.end, await hashTensor(base.tensors.get('model.layers.1.mlp.up_proj.weight')!));

  const { steps, curve } = await readMetrics(run!.folder);
  assert.deepEqual(
    steps.map((s) => s.step),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
  assert.ok(steps.at(-1)!.loss < steps[0]!.loss, 'it learned');
  assert.equal(steps.at(-1)!.tokens, 40 * 4 * 48);
  assert.deepEqual([...new Set(curve.map((c) => c.step))], [0, 15, 30, 40]);
  const events = await readEvents(run!.folder);
  const stages = events.flatMap((e) => (e.type === 'stage' ? [`${e.stage} ${e.state}`] : []));
  assert.deepEqual(stages, [
    'surgery started',
    'surgery ended',
    'train started',
    'train ended',
    'evaluate started',
    'evaluate ended',
  ]);
  assert.deepEqual(
    events.flatMap((e) => (e.type === 'proof' ? [[e.proof, e.state]] : [])),
    [
      ['identity', 'holds'],
      ['frozen', 'holds'],
    ],
  );
  assert.deepEqual(
    events.flatMap((e) => (e.type === 'checkpoint' ? [e.step] : [])),
    [7, 14, 21, 28, 35, 40],
  );

  const scores = (await readRecord<Scores>(run!.folder, layout.scores))!;
  assert.deepEqual(Object.keys(scores), ['recall', 'sums', 'perplexity:general']);
  assert.equal(curve.find((c) => c.step === 40 && c.metric === 'acc')!.value, scores['recall']!['acc']!.value);
  assert.equal((await readSamples(run!.folder, 'recall')).length, 16);
  assert.equal((await readSamples(run!.folder, 'perplexity:general')).length, 8);
});

test('the same spec gives the same bits, and another seed others', async () => {
  const folder = await world();
  const plan = await planOf(folder, 'tiny', `${experiment()}seeds: [1, 2]\n`);
  const [one, two] = await placeRuns(plan);
  const [again] = await placeRuns(plan, true);
  for (const run of [one!, two!, again!]) await finished(run.folder);
  const weights = (run: Run) => hashFiles(run.folder, [layout.model]);
  assert.deepEqual(await weights(again!), await weights(one!));
  assert.notDeepEqual(await weights(two!), await weights(one!));
});

test('TERM and USR1 write a checkpoint and stop with their own codes; the next attempt goes on from there', async () => {
  const folder = await world();
  const plan = await planOf(
    folder,
    'tiny',
    experiment({ training: '', evaluation: 'evaluation: { tasks: [recall] }' }).replace('steps: 40', 'steps: 400'),
  );
  const [run] = await placeRuns(plan);
  const stopAt = async (n: number, signal: NodeJS.Signals) => {
    const { child, ended } = startWorker(program, run!.folder, n);
    await waitFor(
      () =>
        existsSync(join(run!.folder, layout.metrics(n))) &&
        readMetrics(run!.folder).then((m) => m.steps.length > 5 + 20 * n),
    );
    child.kill(signal);
    const { code } = await ended;
    return {
      code,
      state: (await readResult(run!.folder, n))?.state,
      step: (await readMetrics(run!.folder)).steps.at(-1)!.step,
    };
  };
  const terminated = await stopAt(0, 'SIGTERM');
  assert.deepEqual([terminated.code, terminated.state], [143, 'checkpointed']);
  assert.ok(terminated.step < 400, 'it was stopped on its way');
  assert.ok(
    existsSync(join(run!.folder, layout.checkpoint, `step-${terminated.step}`)),
    'nothing that was recorded is lost',
  );
  await createAttempt(run!.folder, { ...run!.request, attempt: 1 });
  const preempted = await stopAt(1, 'SIGUSR1');
  assert.equal(preempted.code, 75);
  await createAttempt(run!.folder, { ...run!.request, attempt: 2 });
  await finished(run!.folder, 2);
  assert.equal((await readMetrics(run!.folder)).steps.length, 400);
});

test('an attempt that was taken for dead stops before it writes over its successor', async () => {
  const folder = await world();
  const text = experiment({ evaluation: 'evaluation: { tasks: [recall] }' }).replace('steps: 40', 'steps: 100000');
  const [run] = await placeRuns(await planOf(folder, 'tiny', text));
  const { ended } = startWorker(program, run!.folder, 0);
  await waitFor(() => readMetrics(run!.folder).then((m) => m.steps.length > 0));
  await writeFile(join(run!.folder, layout.claim(1)), '{}');
  assert.equal((await ended).code, 86);
  assert.ok(!existsSync(join(run!.folder, layout.result(0))));
});

test('a new task is evaluated alone; one that was changed under its name is superseded', async () => {
  const folder = await world();
  const before = await planOf(folder, 'tiny', experiment({ evaluation: 'evaluation: { tasks: [recall] }' }));
  const [run] = await placeRuns(before);
  await finished(run!.folder);
  const model = await hashFiles(run!.folder, [layout.model]);
  const old = await readSamples(run!.folder, 'recall');
  await appendFile(
    join(folder, 'data/recall.jsonl'),
    '{"context":"Ivy lives in","choices":["Rome","Oslo"],"answer":0}\n',
  );
  const after = await planOf(folder, 'tiny', experiment({ evaluation: 'evaluation: { tasks: [recall, sums] }' }));
  assert.equal(after.runs[0]!.id, before.runs[0]!.id, 'tasks decide no weights');
  // As the supervisor would have recorded it.
  await writeFile(
    join(run!.folder, layout.exit(0)),
    JSON.stringify({ outcome: 'succeeded', by: 'supervisor', time: 1 }),
  );
  const [again] = await place(after);
  assert.equal(again!.outcome, 'evaluating');
  await finished(run!.folder, 1);
  assert.deepEqual(await hashFiles(run!.folder, [layout.model]), model);
  assert.equal((await readSamples(run!.folder, 'recall')).length, old.length + 1);
  const superseded = Object.keys(await hashFiles(run!.folder, [layout.superseded])).map((path) =>
    path.split('/').at(-1),
  );
  assert.deepEqual(superseded.sort(), ['recall.jsonl', 'recall.scores.json']);
  assert.deepEqual(Object.keys((await readRun(run!.folder)).scores ?? {}).sort(), ['recall', 'sums']);
});

async function place(plan: Plan) {
  const orders = plan.runs.map((run) => orderOf(plan, run, { threads: 1 }));
  return placeOrders(homeOf(plan.experiment.file), { kind: 'local' }, orders);
}

test('a diverging training fails with a sentence and keeps its last checkpoint', async () => {
  const folder = await world();
  const text = experiment({ training: '  clip: 0\n  schedule: constant\n  warmup: 0' }).replace('1e-2', '1e18');
  const [run] = await placeRuns(await planOf(folder, 'tiny', text));
  const { code } = await work(program, run!.folder);
  assert.equal(code, 1);
  const problem = await problemOf(run!.folder);
  assert.equal(problem?.code, 'loss-not-finite');
  assert.match(problem!.message, /At step \d+ the .* is (NaN|Infinity)/);
  assert.match(problem!.remedy ?? '', /learning_rate/);
});

test('a base that changes stops the run, one that is only touched does not', async () => {
  const folder = await world();
  const weights = join(folder, 'base', 'model.safetensors');
  const plan = await planOf(
    folder,
    'tiny',
    experiment({ evaluation: 'evaluation: { tasks: [recall] }' }).replace('steps: 40', 'steps: 300'),
  );
  const [run] = await placeRuns(plan);
  const checkpoints = () => readEvents(run!.folder).then((e) => e.filter((x) => x.type === 'checkpoint').length);
  const { ended } = startWorker(program, run!.folder, 0);
  await waitFor(async () => (await checkpoints()) >= 1);
  await utimes(weights, new Date(), new Date());
  const seen = await checkpoints();
  await waitFor(async () => (await checkpoints()) > seen);
  // In place: a file that is cut short under its reader kills it (SIGBUS), which the supervisor explains.
  const handle = await open(weights, 'r+');
  await handle.write(Buffer.from([0x3f]), 0, 1, (await handle.stat()).size - 3);
  await handle.close();
  assert.equal((await ended).code, 1);
  const problem = await problemOf(run!.folder);
  assert.equal(problem?.code, 'base-changed');
  assert.match(problem?.message ?? '', /its contents changed/);
  assert.ok(!existsSync(join(run!.folder, layout.model)), 'no model came of it');
});

test('a corpus or task that changed since the plan is refused', async () => {
  const folder = await world();
  const [run] = await placeRuns(await planOf(folder, 'tiny', experiment()));
  await appendFile(join(folder, 'data/facts.jsonl'), '{"text":"Ivy lives in Rome."}\n');
  assert.equal((await work(program, run!.folder)).code, 1);
  assert.equal((await problemOf(run!.folder))?.code, 'corpus-changed');
  const [other] = await placeRuns(await planOf(folder, 'other', experiment()));
  await appendFile(join(folder, 'data/sums.jsonl'), '{"context":"twice 9 is","answer":"18"}\n');
  assert.equal((await work(program, other!.folder)).code, 1);
  assert.equal((await problemOf(other!.folder))?.code, 'task-changed');
});

test('a child starts from its parent: a LoRA parent is merged first', async () => {
  const folder = await world();
  const arms = `
  base: {}
  lora: { lora: { rank: 2, targets: [q_proj] } }
  child: { from: lora, train: [layers 0], training: { steps: 3 } }`;
  const plan = await planOf(folder, 'tiny', experiment({ arms, evaluation: 'evaluation: { tasks: [recall] }' }));
  const [base, lora, child] = await placeRuns(plan);
  for (const run of [base!, lora!, child!]) await finished(run.folder);
  const parent = await openModel(lora!.folder);
  const start = await openModel(join(child!.folder, layout.start));
  assert.ok(parent.adapter && !start.adapter);
  const weight = 'model.layers.3.self_attn.q_proj.weight';
  const { a, b } = parent.adapter.modules.find((m) => m.weight === weight)!;
  const [w, av, bv, merged] = await Promise.all(
    [parent.tensors.get(weight)!, a, b, start.tensors.get(weight)!].map(readTensor),
  );
  const [rank, columns] = a.shape as [number, number];
  let worst = 0;
  merged!.forEach((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += bv![row * rank + r]! * av![r * columns + column]!;
    worst = Math.max(worst, Math.abs(value - (w![i]! + parent.adapter!.scale * sum)));
  });
  assert.ok(worst < 1e-6, `merged to ${worst}`);
  const factors = Object.entries(await proofs(lora!.folder)).filter(([name]) => name.includes('lora_'));
  assert.equal(factors.length, 2 * 4, 'LoRA factors are among the proofs');
  for (const [name, { role, start, end, dtype }] of factors) {
    assert.deepEqual([role, dtype], ['trained', 'F32'], name);
    assert.notEqual(start, end, name);
  }
  assert.ok(existsSync(join(base!.folder, layout.tensors)), 'an arm that trains nothing has its proof too');
});

test('verify repeats the proofs, and finds a changed byte of a frozen tensor and of a trained one', async () => {
  const folder = await world();
  const [run] = await placeRuns(
    await planOf(folder, 'tiny', experiment({ evaluation: 'evaluation: { tasks: [recall] }' })),
  );
  const early = await attempt(() => verifyRun(run!, 1));
  assert.ok(!early.ok && early.problem.code === 'run-not-trained');
  await finished(run!.folder);
  const states = async () => {
    const result = await verifyRun(run!, 1);
    return Object.fromEntries(Object.entries(result).map(([name, { state }]) => [name, state]));
  };
  assert.deepEqual(await states(), { base: 'holds', hashes: 'holds', frozen: 'holds', identity: 'holds' });
  const flip = async (file: string, offset: number) => {
    const bytes = await readFile(file);
    bytes[offset]! ^= 1;
    await writeFile(file, bytes);
  };
  const model = await openModel(run!.folder);
  const frozen = model.tensors.get('model.layers.0.mlp.up_proj.weight')!;
  await flip(frozen.file, frozen.offset);
  assert.deepEqual(await states(), { base: 'broken', hashes: 'broken', frozen: 'broken', identity: 'holds' });
  await flip(frozen.file, frozen.offset);
  const trained = model.tensors.get('model.layers.1.mlp.up_proj.weight')!;
  await flip(trained.file, trained.offset);
  assert.deepEqual(await states(), { base: 'holds', hashes: 'broken', frozen: 'holds', identity: 'holds' });
});
