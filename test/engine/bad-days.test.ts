import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readHeader } from '../../src/model/safetensors.ts';
import { createAttempt } from '../../src/record/create.ts';
import { layout } from '../../src/record/layout.ts';
import { readEvents, readMetrics, readRun } from '../../src/record/read.ts';
import { readRecord, readResult } from '../../src/record/snapshot.ts';
import type { Scores } from '../../src/record/types.ts';
import { collectPlan } from '../../src/report/collect.ts';
import { compare } from '../../src/report/comparison.ts';
import { onSmallDisk } from '../launch/support.ts';
import { temporaryFolder } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';
import { experiment, hashFiles, placeRuns, planOf, writeWorld } from './runner-support.ts';
import { workHere } from './work-here.ts';

const shared = await temporaryFolder();
await writeWorld(shared);
const evaluation = 'evaluation: { tasks: [recall] }';
const short = (text: string) => text.replace('steps: 40', 'steps: 8');

async function world(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(shared, folder, { recursive: true });
  return folder;
}

const day = 24 * 3600 * 1000;

for (const [how, jump] of [
  ['forward', 400 * day],
  ['back', -400 * day],
] as const) {
  test(`the date goes ${how} during a run: order, rates and results stay`, async () => {
    const folder = await world();
    const plan = await planOf(folder, 'tiny', short(experiment({ evaluation })));
    const [calm] = await placeRuns(plan);
    const [run] = await placeRuns(plan, true);
    assert.equal((await workHere(calm!.folder)).code, 0);
    const now = Date.now;
    let calls = 0;
    Date.now = () => now() + (++calls > 12 ? jump : 0);
    try {
      assert.equal((await workHere(run!.folder)).code, 0);
    } finally {
      Date.now = now;
    }
    assert.ok(calls > 12, 'the date did change');
    const events = await readEvents(run!.folder);
    const times = events.map((event) => event.time);
    assert.ok(Math.max(...times) - Math.min(...times) > 300 * day, 'events tell what the date was');
    const order = (all: typeof events) => all.flatMap((e) => (e.type === 'stage' ? [`${e.stage} ${e.state}`] : []));
    assert.deepEqual(order(events), order(await readEvents(calm!.folder)));
    const { steps } = await readMetrics(run!.folder);
    assert.deepEqual(
      steps.map((s) => s.step),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    for (const [i, { wall, tokens_per_second: rate }] of steps.entries()) {
      assert.ok(wall >= (steps[i - 1]?.wall ?? 0) && wall < 3600, `step ${i + 1} after ${wall} s`);
      assert.ok(rate > 0 && rate < 1e9, `${rate} tokens/s`);
    }
    assert.deepEqual(await hashFiles(run!.folder, [layout.model]), await hashFiles(calm!.folder, [layout.model]));
  });
}

test('a training that diverges keeps its last good checkpoint, and says the same when it is resumed', async () => {
  const folder = await world();
  const text = experiment({ training: '  clip: 0\n  schedule: constant\n  warmup: 0', evaluation })
    .replace('1e-2', '1e18')
    .replace('checkpoint_every: 7', 'checkpoint_every: 1');
  const [run] = await placeRuns(await planOf(folder, 'tiny', text));
  const problems: unknown[] = [];
  for (const n of [0, 1]) {
    if (n === 1) await createAttempt(run!.folder, { ...run!.request, attempt: 1 });
    const { code, said } = await workHere(run!.folder, n);
    assert.equal(code, 1, said);
    assert.doesNotMatch(said, /\n\s+at /);
    problems.push((await readResult(run!.folder, n))?.problem);
  }
  const problem = problems[0] as { code: string; message: string; remedy: string };
  assert.equal(problem.code, 'loss-not-finite');
  assert.match(problem.message, /At step 3 /);
  assert.deepEqual(problems[1], problem);
  assert.deepEqual(await readdir(join(run!.folder, layout.checkpoint)), ['step-2']);
  assert.equal((await readHeader(join(run!.folder, layout.checkpoint, 'step-2'))).metadata['step'], '2');
  assert.equal((await readMetrics(run!.folder)).steps.length, 2);
});

/** Overwrites the first value of a tensor of the base, in its file. */
async function spoil(folder: string, name: string, bits: number): Promise<void> {
  const file = join(folder, 'base/model.safetensors');
  const ref = (await readHeader(file)).tensors.find((t) => t.name === name)!;
  const handle = await open(file, 'r+');
  const value = Buffer.alloc(4);
  value.writeUInt32LE(bits);
  await handle.write(value, 0, 4, ref.offset);
  await handle.close();
}

for (const [what, bits] of [
  ['NaN', 0x7fc0_0000],
  ['Infinity', 0x7f80_0000],
] as const) {
  test(`a weight of the base that is ${what}: a sentence that names the base, whatever the arm does`, async () => {
    const folder = await world();
    await spoil(folder, 'model.layers.2.mlp.up_proj.weight', bits);
    const arms = '  base: {}\n  s: { expand: { after: [0], init: average }, train: [new] }';
    const plan = await planOf(folder, 'tiny', short(experiment({ arms, evaluation })));
    for (const run of await placeRuns(plan)) {
      const { code, said } = await workHere(run.folder);
      assert.equal(code, 1, `${run.request.arm}: ${said}`);
      assert.doesNotMatch(said, /\n\s+at |defect/);
      assert.match(said, /not (a )?finite|NaN|Infinity/, run.request.arm);
    }
  });
}

test('a model that cannot be written: everything works, and nothing is left beside it', (t) =>
  onSmallDisk(t, 4, async (disk) => {
    const folder = await world();
    await writeTinyModel(join(disk, 'base'), { layers: 4, hidden: 32 });
    const look = async () => {
      const names = (await readdir(join(disk, 'base'))).sort();
      return Promise.all(names.map(async (name) => [name, (await stat(join(disk, 'base', name))).mtimeMs]));
    };
    const before = await look();
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    await assert.rejects(writeFile(join(disk, 'base', 'x'), 'x'), /EROFS/);
    const text = short(experiment({ evaluation: "evaluation: { tasks: [recall, 'perplexity:general'] }" }));
    const plan = await planOf(folder, 'tiny', text.replace('model: base', `model: ${join(disk, 'base')}`));
    const [run] = await placeRuns(plan);
    const { code, said } = await workHere(run!.folder);
    assert.equal(code, 0, said);
    assert.deepEqual(await look(), before);
  }));

test('an experiment that is edited while its run goes on: the run keeps its spec, and counts as stale', async () => {
  const folder = await world();
  const text = short(experiment({ evaluation }));
  const plan = await planOf(folder, 'tiny', text);
  const [run] = await placeRuns(plan);
  const spec = await readFile(join(run!.folder, layout.spec), 'utf8');
  const working = workHere(run!.folder);
  const edited = await planOf(folder, 'tiny', text.replace('steps: 8', 'steps: 9'));
  assert.equal((await working).code, 0);
  assert.equal(await readFile(join(run!.folder, layout.spec), 'utf8'), spec);
  assert.equal((await readMetrics(run!.folder)).steps.length, 8);
  assert.notEqual(edited.runs[0]!.id, run!.id);
  const { missing, stale, arms } = compare(await collectPlan(edited));
  assert.deepEqual([missing.map((m) => m.arm), stale.map((s) => s.id)], [['s'], [run!.id]]);
  assert.ok(
    arms.every((arm) => arm.runs.length === 0),
    'older runs are never mixed in',
  );
  assert.ok((await readRecord<Scores>(run!.folder, layout.scores))!['recall']);
  assert.equal((await readRun(run!.folder)).attempts, 1);
});
