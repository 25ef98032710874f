import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { random } from '../../../src/base/random.ts';
import type { Host } from '../../../src/launch/host.ts';
import { keepMirrors } from '../../../src/launch/remote/mirror.ts';
import { pipeHost } from '../../../src/launch/remote/pipe.ts';
import { remotePlace } from '../../../src/launch/remote/place.ts';
import { mirrorFolder, readContact } from '../../../src/record/mirror.ts';
import { readRun, readSteps } from '../../../src/record/read.ts';
import { states } from '../../../src/record/state.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import { eventually, order, processesOf, until, workersOf } from '../support.ts';
import { faultyHost } from './faults.ts';
import { differences, openLab } from './support.ts';

/*
 * Links that break while runs are followed. A short part runs with every test; `npm run test:labs` cuts 100 times.
 */

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const all = process.env['STRATA_LABS'] === '1';
const lab = await openLab();
const model = await writeTinyModel(join(lab.folder, 'base'));
const record = { kind: 'ssh', host: 'gpu-box' } as const;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Two runs that write for a while, and their mirrors here over a link that breaks. */
async function follow(name: string, patience?: Host['patience']) {
  const machine = await lab.machine(name);
  const direct = pipeHost('gpu-box', machine.agent, machine.root);
  const link = faultyHost({ ...direct, ...(patience && { patience }) });
  const home = { ...lab.home };
  const place = remotePlace(home, { record, host: direct, placement: { kind: 'local' }, program: lab.program });
  const orders = [1, 2].map((n) => {
    const one = order(`${name}-s-${n}-0000000${n}`, { records: 1_000_000, every: 8, work: 1 });
    return { ...one, request: { ...one.request, sources: { model } } };
  });
  const placed = await place.order(orders, { jobs: 2 });
  const mirror = keepMirrors(home, record, link);
  const folders = placed.map(({ run }) => run.folder);
  return { machine, link, mirror, folders, home };
}

/** Lets the runs end, and holds their mirrors against what is there. */
async function identical(there: string, folders: readonly string[], mirror: Promise<unknown>): Promise<void> {
  for (const folder of folders) await writeFile(join(there, basename(folder), 'enough'), '');
  assert.equal(await mirror, undefined);
  for (const folder of folders) {
    const done = await until(folder, 'succeeded');
    assert.deepEqual(await differences(join(there, done.id), folder), []);
    const steps = await readSteps(folder);
    assert.deepEqual(
      steps.map(({ step }) => step),
      Array.from({ length: steps.length }, (_, i) => i + 1),
      'every step exactly once',
    );
    assert.ok(steps.length > 50);
    assert.equal(workersOf(join(there, done.id)), 1);
  }
}

test('cuts and resets while two runs write: both mirrors are identical, byte for byte', options, async () => {
  const cuts = all ? 94 : 8;
  const seeded = random('links', 1);
  const { machine, link, mirror, folders } = await follow('cuts');
  let wanted = 0;
  while (wanted < cuts) {
    await pause(100 + seeded.float() * 400);
    if (seeded.float() < 0.5) wanted += link.cutNow();
    else {
      // Somewhere inside a frame.
      link.cutNext({ down: 1 + Math.floor(seeded.float() * 3000) });
      wanted += link.cutNow();
    }
    assert.ok(
      (await Promise.all(folders.map(readRun))).some(({ state }) => !states[state].ended),
      'they still write',
    );
  }
  await identical(machine.home.runs, folders, mirror);
  assert.ok(link.seen.cuts >= cuts, `${link.seen.cuts} cuts`);
  assert.ok(link.seen.connections > cuts / 2, `${link.seen.connections} connections`);
});

test('a link that goes silent: unreachable is shown, the helper there ends, nothing is lost', options, async () => {
  const { machine, link, mirror, folders, home } = await follow(
    'silent',
    all ? undefined : { hereMs: 3000, thereMs: 5000 },
  );
  await eventually('both are followed', async () => {
    const runs = await Promise.all(folders.map(readRun));
    return runs.every(({ state }) => state === 'running');
  });
  const serving = () =>
    processesOf(machine.agent[1]!).filter(
      (pid) => !processesOf('__dispatch').includes(pid) && !processesOf('__supervise').includes(pid),
    );
  const before = serving();
  assert.ok(before.length >= 1, 'an agent serves the stream');
  link.silence(true);
  const noticed = async () => (await readContact(mirrorFolder(home, record)))?.reached === false;
  await eventually('it is noticed', noticed, 60);
  const shown = await readRun(folders[0]!);
  assert.equal(shown.state, 'unreachable');
  assert.match(shown.reason ?? '', /gpu-box has not been reached since .*\. It was running then/);
  assert.equal(states[shown.state].ended, false);
  assert.ok(link.seen.silenced > 0, 'bytes were held back');
  const ended = () => before.every((pid) => !serving().includes(pid));
  await eventually('no helper of that connection is left', ended, 20);
  link.silence(false);
  await identical(machine.home.runs, folders, mirror);
});
