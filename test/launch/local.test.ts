import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { attempt } from '../../src/base/problem.ts';
import { cancelRun } from '../../src/launch/cancel.ts';
import { localPlace } from '../../src/launch/local.ts';
import { resumeRun } from '../../src/launch/order.ts';
import type { Order } from '../../src/launch/place.ts';
import { createRun } from '../../src/record/create.ts';
import { layout } from '../../src/record/layout.ts';
import { identify, liveness } from '../../src/record/platform.ts';
import { readRun } from '../../src/record/read.ts';
import { readExit, readRecord } from '../../src/record/snapshot.ts';
import type { WorkerRecord } from '../../src/record/state.ts';
import { temporaryFolder } from '../support.ts';
import { buildProgram, eventually, order, processesOf, temporaryPlace, until, workersOf } from './support.ts';

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const run = promisify(execFile);
const program = await buildProgram(await temporaryFolder());

async function worker(folder: string, n = 0) {
  return (await readRecord<WorkerRecord>(folder, layout.proc(n)))!.worker;
}
const alive = (pid: number) => identify(pid) !== undefined;

test('a run is started, watched over, and its end recorded', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const [placed] = await place.order([order('demo-s-1-00000001', { work: 100 })]);
  assert.equal(placed!.outcome, 'started');
  assert.equal(placed!.run.state, 'waiting');
  await place.wake(1);
  const done = await until(placed!.run.folder, 'succeeded');
  assert.deepEqual(await readExit(done.folder, 0).then((e) => [e?.outcome, e?.code, e?.by]), [
    'succeeded',
    0,
    'supervisor',
  ]);
  assert.ok(existsSync(join(done.folder, layout.heartbeat(0))));
  assert.ok(!existsSync(join(done.folder, layout.reserve)), 'the reserve is not kept after the end');
  await eventually('the dispatcher has ended', () => processesOf(home.folder).length === 0);
});

test('20 starts at once: one worker; the others find the run', options, async () => {
  const home = await temporaryPlace();
  const file = join(home.folder, '..', 'orders.json');
  await writeFile(file, JSON.stringify([order('demo-s-1-00000001', { work: 1500 })]));
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const { stdout } = await run(program[0], [...program.slice(1), 'start', home.folder, file]);
      return (JSON.parse(stdout) as string[])[0];
    }),
  );
  assert.deepEqual(outcomes.toSorted(), [...Array(19).fill('already'), 'started']);
  const done = await until(join(home.runs, 'demo-s-1-00000001'), 'succeeded');
  assert.equal(workersOf(done.folder), 1);
});

test('the same work again is finished; unfinished work is resumed; fresh work is a new version', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const failing = order('demo-s-1-00000001', { work: 10, exit: 1, stderr: 'the reason' });
  await place.order([failing]);
  await place.wake();
  const folder = join(home.runs, failing.id);
  const failed = await until(folder, 'failed');
  assert.equal(failed.reason, 'Its worker ended with exit code 1: the reason');
  assert.equal((await place.order([failing]))[0]!.outcome, 'resumed');
  assert.equal((await place.order([failing]))[0]!.outcome, 'already');
  await place.wake();
  assert.equal((await until(folder, 'failed')).attempts, 2);
  assert.equal(await resumeRun(await readRun(folder)), 'resumed');
  await place.wake();
  assert.equal((await until(folder, 'failed')).attempts, 3);
  assert.equal(workersOf(folder), 3);

  const good = order('demo-s-2-00000002', { work: 10 });
  await place.order([good]);
  await place.wake();
  const done = await until(join(home.runs, good.id), 'succeeded');
  writeFileSync(join(done.folder, layout.tensors), '{}');
  assert.equal((await place.order([good]))[0]!.outcome, 'finished');
  const task = { name: 'recall', spec: { kind: 'perplexity' as const, corpus: 'x' }, files: [], hash: 'h' };
  const more = { ...good, request: { ...good.request, tasks: [task] } };
  const [again] = await place.order([more]);
  assert.deepEqual([again!.outcome, again!.run.request.stages], ['evaluating', ['evaluate']]);
  await place.wake();
  await until(done.folder, 'succeeded');
  const fresh = await place.order([{ ...good, fresh: true }]);
  assert.deepEqual([fresh[0]!.outcome, fresh[0]!.run.id], ['started', 'demo-s-2-00000002-2']);
  assert.equal((await place.order([good]))[0]!.run.id, 'demo-s-2-00000002-2', 'the newest version is found');
  await place.wake();
  await until(join(home.runs, 'demo-s-2-00000002-2'), 'succeeded');
});

test('a run that lives elsewhere is refused, with the remedy', options, async () => {
  const home = await temporaryPlace();
  const one = order('demo-s-1-00000001', {});
  const request = { ...one.request, attempt: 0, asked: 1, order: 0, stages: [] };
  await createRun(home, one.id, { spec: one.spec, place: { kind: 'ssh', host: 'gpu-box' }, request });
  const result = await attempt(() => localPlace(home, program).order([one]));
  assert.ok(!result.ok);
  assert.equal(result.problem.code, 'usage-place');
  assert.match(result.problem.message, /lives at ssh:gpu-box/);
  assert.match(result.problem.remedy ?? '', /--fresh/);
});

test('parents first; children of a failed parent are skipped with the reason; the others go on', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const [bad, child, grandchild, good, goodChild] = [1, 2, 3, 4, 5].map((n) => `demo-s-${n}-0000000${n}`) as string[];
  await place.order([
    order(bad!, { work: 50, exit: 1 }),
    order(child!, { work: 50 }, { parent: bad! }),
    order(grandchild!, { work: 50 }, { parent: child! }),
    order(good!, { work: 50 }),
    order(goodChild!, { work: 50 }, { parent: good! }),
  ]);
  await place.wake(2);
  const of = (id?: string) => join(home.runs, id!);
  await until(of(goodChild), 'succeeded');
  assert.equal((await until(of(child), 'skipped')).reason, `Its parent ${bad} is failed.`);
  assert.match((await until(of(grandchild), 'skipped')).reason ?? '', new RegExp(`Its parent ${child} is skipped`));
  const began = (id?: string) => readRecord<WorkerRecord>(of(id), layout.proc(0)).then((r) => r!.time);
  const ended = (id?: string) => readExit(of(id), 0).then((e) => e!.time);
  assert.ok((await began(goodChild)) >= (await ended(good)));
  assert.equal((await readRun(of(goodChild))).request.sources.parent, of(good));
});

test('--jobs holds, in the order they were asked for', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const ids = Array.from({ length: 4 }, (_, i) => `demo-s-${i}-0000000${i}`);
  await place.order(ids.map((id) => order(id, { work: 200 })));
  await place.wake(1);
  const spans: [number, number][] = [];
  for (const id of ids) {
    await until(join(home.runs, id), 'succeeded');
    const exit = await readExit(join(home.runs, id), 0);
    spans.push([(await readRecord<WorkerRecord>(join(home.runs, id), layout.proc(0)))!.time, exit!.time]);
  }
  for (let i = 1; i < spans.length; i++)
    assert.ok(spans[i]![0] >= spans[i - 1]![1], `${ids[i]} began before ${ids[i - 1]} ended`);
});

test('a dispatcher killed while runs wait: the next wake starts one, and nothing runs twice', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const ids = Array.from({ length: 3 }, (_, i) => `demo-s-${i}-0000000${i}`);
  await place.order(ids.map((id) => order(id, { work: 800 })));
  await place.wake(1);
  await until(join(home.runs, ids[0]!), 'running');
  const dispatchers = processesOf(home.folder, '__dispatch');
  assert.equal(dispatchers.length, 1);
  process.kill(dispatchers[0]!, 'SIGKILL');
  await eventually('the dispatcher is dead', () => processesOf(home.folder, '__dispatch').length === 0);
  assert.equal((await readRun(join(home.runs, ids[2]!))).state, 'waiting', 'the fault came while runs waited');
  await Promise.all(Array.from({ length: 5 }, () => place.wake(1)));
  for (const id of ids) {
    await until(join(home.runs, id), 'succeeded');
    assert.equal(workersOf(join(home.runs, id)), 1);
  }
});

test('closing the terminal leaves runs going', options, async () => {
  const home = await temporaryPlace();
  const file = join(home.folder, '..', 'orders.json');
  await writeFile(
    file,
    JSON.stringify([order('demo-s-1-00000001', { work: 1200 }), order('demo-s-2-00000002', { work: 10 })]),
  );
  // The starter leads a session and a group of its own, as a shell in a terminal does; then that whole group is hung up.
  const line = `"$0" "$1" start "$2" "$3" && sleep 60`;
  const shell = spawn('/bin/sh', ['-c', line, program[0], program[1]!, home.folder, file], {
    detached: true,
    stdio: 'ignore',
  });
  const folder = join(home.runs, 'demo-s-1-00000001');
  await eventually('the run directory is there', () => existsSync(join(folder, layout.proc(0))));
  const closed = new Promise<string | null>((resolve) => shell.once('exit', (_code, signal) => resolve(signal)));
  process.kill(-shell.pid!, 'SIGHUP');
  assert.equal(await closed, 'SIGHUP', 'the starter was hung up');
  assert.equal((await readRun(folder)).state, 'running', 'the fault came while it ran');
  await until(folder, 'succeeded');
  await until(join(home.runs, 'demo-s-2-00000002'), 'succeeded');
  assert.equal(workersOf(folder), 1);
});

test(
  'a worker that ignores TERM is killed after the grace, and so is a child that left its group',
  options,
  async () => {
    const home = await temporaryPlace();
    const place = localPlace(home, program);
    const [placed] = await place.order([order('demo-s-1-00000001', { deaf: true, escape: true })]);
    const { folder } = placed!.run;
    await place.wake();
    await eventually('the child has escaped', () => existsSync(join(folder, 'escaped')));
    const [identity, escaped] = [await worker(folder), Number(readFileSync(join(folder, 'escaped'), 'utf8'))];
    assert.ok(alive(escaped));
    const canceled = await place.cancel(placed!.run, 500);
    assert.equal(canceled.state, 'canceled');
    const exit = await readExit(folder, 0);
    assert.deepEqual([exit?.outcome, exit?.signal], ['canceled', 'SIGKILL'], 'TERM was not enough');
    assert.equal(liveness(identity), 'dead');
    assert.ok(!alive(escaped));
  },
);

test('a worker that minds TERM is canceled in time, and its checkpoint can be resumed from', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const [placed] = await place.order([order('demo-s-1-00000001', {})]);
  const { folder } = placed!.run;
  await place.wake();
  await until(folder, 'running');
  await eventually('it listens', () => existsSync(join(folder, 'workers.log')));
  assert.equal((await cancelRun(folder)).state, 'canceled');
  assert.equal((await readExit(folder, 0))?.code, 143);
  assert.equal((await cancelRun(folder)).state, 'canceled', 'canceling twice is no error');
  assert.equal(await resumeRun(await readRun(folder)), 'resumed');
  assert.equal((await readRun(folder)).state, 'waiting', 'a cancel does not reach the next attempt');
  assert.equal((await cancelRun(folder)).reason, 'It was canceled before it was started.');
});

test(
  'TERM to the supervisor, as at a shutdown, reaches the worker: the run stops at a checkpoint and can be resumed',
  options,
  async () => {
    const home = await temporaryPlace();
    const place = localPlace(home, program);
    const [placed] = await place.order([order('demo-s-1-00000001', {})]);
    const { folder } = placed!.run;
    await place.wake();
    await until(folder, 'running');
    await eventually('it listens', () => existsSync(join(folder, 'workers.log')));
    process.kill(processesOf(folder, '__supervise')[0]!, 'SIGTERM');
    const stopped = await until(folder, 'preempted');
    assert.equal((await readExit(folder, 0))?.code, 143);
    assert.match(stopped.reason ?? '', /strata resume/);
    assert.equal(await resumeRun(stopped), 'resumed');
  },
);

test('a resumed training keeps the number of threads it began with', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const corpus = { hash: 'c'.repeat(64), kind: 'text' };
  const training = { steps: 1, batch: 1, sequence: 8, corpus } as NonNullable<Order['spec']['training']>;
  const one = order('demo-s-1-00000001', { work: 1, exit: 1 });
  const asked = (threads: number) => ({
    ...one,
    spec: { ...one.spec, training },
    request: { ...one.request, threads },
  });
  await place.order([asked(2)]);
  await place.wake();
  await until(join(home.runs, one.id), 'failed');
  const [again] = await place.order([asked(5)]);
  assert.deepEqual([again!.outcome, again!.run.request.threads], ['resumed', 2]);
});

test('a killed supervisor leaves an orphan, which can be canceled', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const [placed] = await place.order([order('demo-s-1-00000001', { deaf: true, escape: true })]);
  const { folder } = placed!.run;
  await place.wake();
  await eventually('the child has escaped', () => existsSync(join(folder, 'escaped')));
  const [supervisor] = processesOf(folder, '__supervise');
  process.kill(supervisor!, 'SIGKILL');
  await until(folder, 'orphaned');
  assert.equal(
    (await place.order([order('demo-s-1-00000001', {})]))[0]!.outcome,
    'already',
    'an orphan is not started again',
  );
  const escaped = Number(readFileSync(join(folder, 'escaped'), 'utf8'));
  const canceled = await cancelRun(folder, 300);
  assert.deepEqual([canceled.state, (await readExit(folder, 0))?.by], ['canceled', 'cancel']);
  assert.ok(!alive(escaped));
  assert.equal(processesOf(folder).length, 0);
});

test('killed between claim and start: nothing is lost, and it starts once more', options, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const one = order('demo-s-1-00000001', { work: 50 });
  const [placed] = await place.order([one]);
  const { folder } = placed!.run;
  const dead = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });
  await new Promise((resolve) => dead.once('spawn', resolve));
  const claim = { cookie: 'none', supervisor: identify(dead.pid)!, time: Date.now() };
  writeFileSync(join(folder, layout.claim(0)), JSON.stringify(claim));
  assert.equal((await readRun(folder)).state, 'starting');
  const ended = new Promise((resolve) => dead.once('exit', resolve));
  dead.kill('SIGKILL');
  await ended;
  assert.deepEqual(await readRun(folder).then((r) => [r.state, r.reason]), [
    'lost',
    'Its start was interrupted before any work.',
  ]);
  assert.equal((await place.order([one]))[0]!.outcome, 'resumed');
  await place.wake();
  await until(folder, 'succeeded');
  assert.equal(workersOf(folder), 1);
});

test('a program that cannot start is a sentence; the run goes on waiting for one that can', options, async () => {
  const home = await temporaryPlace();
  await localPlace(home, program).order([order('demo-s-1-00000001', { work: 10 })]);
  const result = await attempt(() => localPlace(home, [process.execPath, '/nowhere/program.mjs']).wake());
  assert.ok(!result.ok && result.problem.code === 'dispatcher-not-started');
  await localPlace(home, program).wake();
  await until(join(home.runs, 'demo-s-1-00000001'), 'succeeded');
  assert.ok(readdirSync(home.dispatcher).includes('claim.0'));
});
