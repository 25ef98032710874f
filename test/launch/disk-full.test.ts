import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { localPlace } from '../../src/launch/local.ts';
import { home, layout } from '../../src/record/layout.ts';
import { readExit } from '../../src/record/snapshot.ts';
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
