import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { localPlace } from '../../src/launch/local.ts';
import { home, layout } from '../../src/record/layout.ts';
import { readExit } from '../../src/record/snapshot.ts';
import { temporaryFolder } from '../support.ts';
import { buildProgram, order, until } from './support.ts';

/** A file system of 1 MiB; undefined with the reason where none can be mounted. */
function smallDisk(folder: string): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'a small tmpfs can be mounted by root on Linux only';
  try {
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', folder], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no tmpfs could be mounted: ${(error as Error).message.split('\n')[0]}`;
  }
}

const folder = join(await temporaryFolder(), 'disk');
const obstacle = smallDisk(folder);
test('on a full disk the exit record is whole and says why', { skip: obstacle ?? false }, async (t) => {
  t.after(() => execFileSync('umount', ['-l', folder]));
  process.env['XDG_STATE_HOME'] = join(folder, '..', 'state');
  const place = localPlace(home(join(folder, '.strata')), await buildProgram(join(folder, '..')));
  const [placed] = await place.order([order('demo-s-1-00000001', { fill: true })]);
  const run = placed!.run.folder;
  await place.wake();
  const failed = await until(run, 'failed');
  assert.equal(existsSync(join(run, layout.reserve)), false, 'the reserve was used');
  assert.ok(statfsSync(folder).bavail * statfsSync(folder).bsize <= 64 * 1024, 'the disk was full');
  assert.equal((await readExit(run, 0))?.by, 'supervisor');
  assert.match(failed.reason ?? '', /exit code 1/);
  assert.doesNotThrow(() => JSON.parse(readFileSync(join(run, layout.exit(0)), 'utf8')));
  rmSync(join(run, 'ballast'));
  assert.equal(
    (await place.order([order('demo-s-1-00000001', { work: 1 })]))[0]!.outcome,
    'resumed',
    'with space again it goes on',
  );
});
