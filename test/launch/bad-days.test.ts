import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { localPlace } from '../../src/launch/local.ts';
import { layout } from '../../src/record/layout.ts';
import { readRun } from '../../src/record/read.ts';
import { readClaim, readWorker } from '../../src/record/snapshot.ts';
import { temporaryFolder } from '../support.ts';
import { buildProgram, eventually, order, processesOf, temporaryPlace, until, workersOf } from './support.ts';

const linux = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const programFolder = await temporaryFolder();
const program = await buildProgram(programFolder);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether a process is stopped (proc(5), state T). */
const isStopped = async (pid: number) => / T /.test(await readFile(`/proc/${pid}/stat`, 'utf8'));

test(
  'a machine that sleeps: nothing is taken for dead, nothing is started twice, and the run goes on',
  linux,
  async () => {
    const home = await temporaryPlace();
    const place = localPlace(home, program);
    const id = 'demo-s-1-00000001';
    const [placed] = await place.order([order(id, { work: 1500 })]);
    const { folder } = placed!.run;
    await place.wake(1);
    await until(folder, 'running');
    await eventually('the worker works', () => readdir(folder).then((names) => names.includes('workers.log')));
    const [claim, worker] = await Promise.all([readClaim(folder, 0), readWorker(folder, 0)]);
    const asleep = processesOf(home.folder);
    assert.ok(asleep.includes(claim!.supervisor.pid) && asleep.includes(worker!.worker.pid));
    assert.ok(asleep.length >= 3, 'the dispatcher, too');
    for (const pid of asleep) process.kill(pid, 'SIGSTOP');
    for (const pid of asleep) await eventually('it sleeps', () => isStopped(pid));
    // Longer than a heartbeat: the last one is old when the machine wakes.
    await pause(2500);
    const seen = await readRun(folder);
    assert.deepEqual([seen.state, seen.attempts], ['running', 1]);
    assert.equal((await place.order([order(id, { work: 1500 })]))[0]!.outcome, 'already');
    await place.wake(1);
    assert.deepEqual(processesOf(home.folder).sort(), asleep.sort(), 'nobody else was started');
    for (const pid of asleep) process.kill(pid, 'SIGCONT');
    const done = await until(folder, 'succeeded');
    assert.deepEqual([done.attempts, workersOf(folder)], [1, 1]);
    await eventually('the dispatcher has ended', () => processesOf(home.folder).length === 0);
  },
);

test('runs are started in the order they were asked for, also when the date goes back in between', linux, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const now = Date.now;
  const ids = ['demo-s-1-00000001', 'demo-s-2-00000002', 'demo-s-3-00000003'];
  try {
    for (const [i, id] of ids.entries()) {
      Date.now = () => now() - i * 86_400_000;
      await place.order([order(id, { work: 100 })]);
    }
  } finally {
    Date.now = now;
  }
  const asked = await Promise.all(ids.map((id) => readRun(join(home.runs, id)).then((run) => run.request.asked)));
  assert.deepEqual(
    asked,
    asked.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(asked).size, 3);
  await place.wake(1);
  const ends: number[] = [];
  for (const id of ids) {
    const { folder } = await until(join(home.runs, id), 'succeeded');
    ends.push((await stat(join(folder, layout.claim(0)))).mtimeMs);
  }
  assert.deepEqual(
    ends,
    ends.toSorted((a, b) => a - b),
  );
});

const nobody = 65534;
const isRoot = process.getuid?.() === 0;

test('the runs of another user: a sentence, and nothing is changed', {
  skip: isRoot ? false : 'needs root to be two users',
}, async () => {
  const home = await temporaryPlace();
  const place = localPlace(home, program);
  const [placed] = await place.order([order('demo-s-1-00000001', { work: 50 })]);
  await place.wake(1);
  await until(placed!.run.folder, 'succeeded');
  await eventually('the dispatcher has ended', () => processesOf(home.folder).length === 0);
  const above = join(home.folder, '..');
  for (const folder of [above, programFolder]) await chmod(folder, 0o755);
  const orders = join(above, 'orders.json');
  await writeFile(orders, JSON.stringify([order('demo-s-1-00000002', { work: 50 })]));
  const before = await readdir(home.folder, { recursive: true });

  const asOther = (place: string) =>
    new Promise<{ code: unknown; said: string }>((resolve) => {
      const env = { ...process.env, XDG_STATE_HOME: join(above, 'other-state'), STRATA_COOKIE: '' };
      const args = [...program.slice(1), 'start', place, orders];
      execFile(program[0], args, { uid: nobody, gid: nobody, env, cwd: above }, (error, out, err) => {
        resolve({ code: error ? error.code : 0, said: out + err });
      });
    });
  const refused = await asOther(home.folder);
  assert.notEqual(refused.code, 0);
  assert.match(refused.said, /holds the runs of another user \(uid 0\)/);
  assert.deepEqual(await readdir(home.folder, { recursive: true }), before);

  // A copy of the experiment in a folder of one's own works.
  const own = join(above, 'own');
  await mkdir(own);
  await cp(orders, join(own, 'orders.json'));
  await chown(own, nobody, nobody);
  assert.deepEqual(await asOther(join(own, '.strata')), { code: 0, said: '["started"]\n' });
  assert.equal((await stat(join(own, '.strata/runs'))).uid, nobody);
  await until(join(own, '.strata/runs/demo-s-1-00000002'), 'succeeded');
});
