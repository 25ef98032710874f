import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Order, Place } from '../../../src/launch/place.ts';
import { remotePlace } from '../../../src/launch/remote/place.ts';
import { layout } from '../../../src/record/layout.ts';
import { readRun, readSteps } from '../../../src/record/read.ts';
import { readExit } from '../../../src/record/snapshot.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import type { Behaviour } from '../program.ts';
import { eventually, order, processesOf, until, workersOf } from '../support.ts';
import { differences, openDoor, openLab } from './support.ts';
import { tcpHost } from './tcp-host.ts';

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const lab = await openLab();
const machine = await lab.machine();
const door = await openDoor(machine);
const model = await writeTinyModel(join(lab.folder, 'base'));
process.env['STRATA_TEST_HOST'] = JSON.stringify({ port: door.port, root: machine.root });

const record = { kind: 'ssh', host: 'gpu-box' } as const;
const place: Place = remotePlace(lab.home, {
  record,
  host: tcpHost('gpu-box', door.port, machine.root),
  placement: { kind: 'local' },
  program: lab.program,
});
let runs = 0;
function remoteOrder(behaviour: Behaviour, more: Partial<Order> = {}): Order {
  const n = ++runs;
  const one = order(`demo-s-${n}-${String(n).padStart(8, '0')}`, behaviour, more);
  return { ...one, request: { ...one.request, sources: { model } } };
}

test(
  'a run of another machine is here as a local one: same bytes, state, steps; its data went there once',
  options,
  async () => {
    const one = remoteOrder({ records: 300, every: 2, work: 10 });
    const [placed] = await place.order([one]);
    assert.equal(placed!.outcome, 'started');
    await place.wake();
    const done = await until(placed!.run.folder, 'succeeded');
    assert.equal((await readSteps(done.folder)).length, 300);
    assert.deepEqual(done.place, record);
    assert.deepEqual(await differences(join(machine.home.runs, done.id), done.folder), []);
    assert.equal((await readExit(done.folder, 0))?.by, 'supervisor');
    // There it lives as a local run, and reads what was sent.
    const there = await readRun(join(machine.home.runs, done.id));
    assert.deepEqual(there.place, { kind: 'local' });
    assert.equal(
      readFileSync(join(there.request.sources.model, 'config.json'), 'utf8'),
      readFileSync(join(model, 'config.json'), 'utf8'),
    );
    assert.equal(done.request.sources.model, model, 'here its sources are those of this machine');
    const blobs = await readdir(join(machine.root, 'store', 'blobs'));
    assert.equal(blobs.length, 4);
    await place.order([remoteOrder({ work: 1 })]);
    assert.deepEqual(await readdir(join(machine.root, 'store', 'blobs')), blobs);
    await eventually('the mirror has ended', () => processesOf(lab.home.folder, '__mirror').length === 0);
  },
);

test('the same again is finished; an unfinished one goes on, its attempts mirrored apart', options, async () => {
  const one = remoteOrder({ records: 20, work: 1, exit: 1, stderr: 'the reason' });
  const [placed] = await place.order([one]);
  await place.wake();
  const failed = await until(placed!.run.folder, 'failed');
  assert.equal(failed.reason, 'Its worker ended with exit code 1: the reason');
  assert.equal(await place.resume(failed), 'resumed');
  await eventually('the second attempt is here', async () => (await readRun(failed.folder)).attempts === 2);
  const again = await until(failed.folder, 'failed');
  assert.equal(workersOf(join(machine.home.runs, one.id)), 2);
  assert.deepEqual(await differences(join(machine.home.runs, one.id), again.folder), []);
  assert.equal(again.request.sources.model, model);
});

test('cancel reaches the machine and returns when the run has ended there and here', options, async () => {
  const [placed] = await place.order([remoteOrder({ records: 5, every: 1 })]);
  await place.wake();
  await until(placed!.run.folder, 'running');
  const canceled = await place.cancel(placed!.run);
  assert.equal(canceled.state, 'canceled');
  assert.equal((await readRun(placed!.run.folder)).state, 'canceled');
});

test('a model is fetched, verified, and lies over the base of this machine', options, async () => {
  const [placed] = await place.order([remoteOrder({ work: 1 })]);
  await place.wake();
  const done = await until(placed!.run.folder, 'succeeded');
  const there = join(machine.home.runs, done.id, 'model');
  await mkdir(there);
  const weights = Buffer.alloc(300_000, 7);
  await writeFile(join(there, 'trained.safetensors'), weights);
  await writeFile(join(there, 'strata.json'), JSON.stringify({ strata: 1, base: { folder: '/there', hash: 'h' } }));
  const path = await place.fetch(done, 'model');
  assert.ok(readFileSync(join(path, 'trained.safetensors')).equals(weights));
  assert.equal(JSON.parse(readFileSync(join(path, 'strata.json'), 'utf8')).base.folder, model);
});

test('the process that mirrors is killed in the middle: the next one goes on where it was', options, async () => {
  const [placed] = await place.order([remoteOrder({ records: 1_000_000, every: 5, work: 1 })]);
  const { folder, id } = placed!.run;
  const there = join(machine.home.runs, id);
  const metrics = join(folder, layout.metrics(0));
  for (let k = 0; k < 3; k++) {
    const before = existsSync(metrics) ? readFileSync(metrics).length : 0;
    await Promise.all([place.wake(), place.wake()]);
    await eventually('bytes come', () => existsSync(metrics) && readFileSync(metrics).length > before);
    const mirrors = () => processesOf(lab.home.folder, '__mirror');
    await eventually('one process mirrors', () => mirrors().length === 1);
    // Of two that were asked for at once, the second may begin only now: it would take over.
    await eventually('nobody mirrors, and the run says so', async () => {
      for (const pid of mirrors()) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
      }
      const { reason = '' } = await readRun(folder);
      return /Nothing was heard of it since .* strata attach follows it again/.test(reason);
    });
  }
  await writeFile(join(there, 'enough'), '');
  await place.wake();
  await until(folder, 'succeeded');
  assert.deepEqual(await differences(there, folder), []);
});

test('a mirror whose bytes were damaged is mended before the run counts as ended', options, async () => {
  const [placed] = await place.order([remoteOrder({ records: 60, every: 20, work: 1 })]);
  const { folder } = placed!.run;
  await place.wake();
  const metrics = join(folder, layout.metrics(0));
  await eventually('some steps are here', () => existsSync(metrics) && readFileSync(metrics).length > 500);
  const bytes = readFileSync(metrics);
  bytes[100] = bytes[100]! ^ 1;
  await writeFile(metrics, bytes);
  const done = await until(folder, 'succeeded');
  assert.deepEqual(await differences(join(machine.home.runs, done.id), folder), []);
});
