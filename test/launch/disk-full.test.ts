import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { attempt } from '../../src/base/problem.ts';
import { localPlace } from '../../src/launch/local.ts';
import { placeOrders } from '../../src/launch/order.ts';
import { supervise } from '../../src/launch/supervisor.ts';
import { home, homeOfRun, layout } from '../../src/record/layout.ts';
import { readRun } from '../../src/record/read.ts';
import { readExit } from '../../src/record/snapshot.ts';
import { type FullDisk, fullDisk } from '../full-disk.ts';
import { temporaryFolder } from '../support.ts';
import { buildProgram, onSmallDisk, order, until } from './support.ts';

test('on a full disk the exit record is whole and says why', (t) =>
  onSmallDisk(t, 1, async (folder) => {
    process.env['XDG_STATE_HOME'] = await temporaryFolder();
    const place = localPlace(home(join(folder, '.strata')), await buildProgram(await temporaryFolder()));
    const [placed] = await place.order([order('demo-s-1-00000001', { fill: true })]);
    const run = placed!.run.folder;
    await place.wake();
    const failed = await until(run, 'failed');
    assert.equal(existsSync(join(run, layout.reserve)), false, 'the reserve was used');
    assert.ok(statfsSync(folder).bavail * statfsSync(folder).bsize <= 64 * 1024, 'the disk was full');
    assert.equal((await readExit(run, 0))?.by, 'supervisor');
    assert.match(failed.reason ?? '', /no space is left.*Free some space/);
    assert.doesNotThrow(() => JSON.parse(readFileSync(join(run, layout.exit(0)), 'utf8')));
    rmSync(join(run, 'ballast'));
    assert.equal(
      (await place.order([order('demo-s-1-00000001', { work: 1 })]))[0]!.outcome,
      'resumed',
      'with space again it goes on',
    );
  }));

describe('the disk full at each write', async () => {
  const folder = await temporaryFolder();
  const program = await buildProgram(await temporaryFolder());
  const id = 'demo-s-1-00000001';
  const one = order(id, { work: 50 });
  let disk: FullDisk;
  before(() => {
    disk = fullDisk(folder);
  });
  after(() => disk.restore());
  const never = Number.POSITIVE_INFINITY;
  const ordered = (name: string) => placeOrders(home(join(folder, name, '.strata')), { kind: 'local' }, [one]);

  test('of an order: a sentence, and asked again it is there', async () => {
    disk.fullAt(never);
    await ordered('whole');
    const count = disk.operations.length;
    assert.ok(count >= 10, `${count} operations`);
    for (let n = 1; n <= count; n++) {
      disk.fullAt(n);
      const first = await attempt(() => ordered(`${n}`));
      const { call, file } = disk.operations[n - 1]!;
      const what = `operation ${n} of ${count}, ${call} of ${file}`;
      disk.fullAt(never);
      if (!first.ok) assert.equal(first.problem.code, 'disk-full', what);
      const [again] = await ordered(`${n}`);
      assert.equal(again!.outcome, first.ok ? 'already' : 'started', what);
      assert.equal(again!.run.state, 'waiting', what);
      assert.deepEqual(await readdir(join(folder, `${n}`, '.strata/unfinished')), [], what);
    }
  });

  test('of a supervisor: the end is recorded as soon as there is room, or nothing was begun', async () => {
    const signals = ['SIGHUP', 'SIGINT', 'SIGPIPE', 'SIGTERM', 'SIGUSR1'] as const;
    const mask = process.umask();
    const kept = signals.map((signal) => process.listeners(signal));
    const watched = async (name: string) => {
      const [placed] = await ordered(name);
      return placed!.run.folder;
    };
    const whole = await watched('watched');
    disk.fullAt(never);
    await supervise(whole, 0, program);
    const count = disk.operations.length;
    assert.ok(count >= 8, `${count} operations`);
    assert.equal((await readRun(whole)).state, 'succeeded');
    for (let n = 1; n <= count; n++) {
      const run = await watched(`watched-${n}`);
      disk.fullAt(n);
      const room = setTimeout(() => disk.fullAt(never), 600);
      const ended = await attempt(() => supervise(run, 0, program));
      clearTimeout(room);
      disk.fullAt(never);
      const { state, reason } = await readRun(run);
      if (!ended.ok) {
        assert.deepEqual([ended.problem.code, state], ['disk-full', 'waiting'], `operation ${n}`);
        continue;
      }
      assert.ok(
        state === 'succeeded' || (state === 'failed' && /Free some space/.test(reason ?? '')),
        `operation ${n}: ${state}, ${reason}`,
      );
      if (state === 'failed')
        assert.equal((await placeOrders(homeOfRun(run), { kind: 'local' }, [one]))[0]!.outcome, 'resumed');
    }
    process.umask(mask);
    for (const [i, signal] of signals.entries()) {
      for (const listener of process.listeners(signal)) if (!kept[i]!.includes(listener)) process.off(signal, listener);
    }
  });
});
