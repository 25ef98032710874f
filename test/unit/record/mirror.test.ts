import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { home } from '../../../src/record/layout.ts';
import { mirroredState, mirrorFolder, writeContact, writeMirror } from '../../../src/record/mirror.ts';
import { isElsewhere, placeName } from '../../../src/record/place.ts';
import { ownClaim } from '../../../src/record/snapshot.ts';
import { temporaryFolder } from '../../support.ts';

const place = { kind: 'ssh', host: 'gpu-box' } as const;
const heard = Date.UTC(2026, 1, 3, 4, 5);

/** A mirror in a state, and a process that keeps it, or none. */
async function mirror(state: 'running' | 'succeeded', kept: boolean) {
  const here = home(join(await temporaryFolder(), '.strata'));
  const folder = join(here.runs, 'demo-s-1-00000001');
  await mkdir(folder, { recursive: true });
  await writeMirror(folder, { created: 1, attempts: 1, state, heard, complete: state === 'succeeded' });
  const post = mirrorFolder(here, place);
  await mkdir(post, { recursive: true });
  if (kept) await writeFile(join(post, 'claim.0'), JSON.stringify(ownClaim('none')));
  return { folder, post };
}

test('a mirrored run is in the state that its host told, while it is followed', async () => {
  const { folder } = await mirror('running', true);
  assert.deepEqual(await mirroredState(folder, place), { state: 'running' });
});

test('a host that is not reached: unreachable since when and why, never ended', async () => {
  const { folder, post } = await mirror('running', true);
  await writeContact(post, { reached: false, since: heard, reason: 'No route to host.', code: 'host-lost' });
  assert.deepEqual(await mirroredState(folder, place), {
    state: 'unreachable',
    reason: 'gpu-box has not been reached since 2026-02-03 04:05 UTC (No route to host). It was running then.',
  });
});

test('a run that nobody follows any more is not said to be running', async () => {
  const { folder } = await mirror('running', false);
  const { state, reason } = await mirroredState(folder, place);
  assert.equal(state, 'unreachable');
  assert.match(
    reason ?? '',
    /^Nothing was heard of it since 2026-02-03 04:05 UTC\. It was running then; strata attach/,
  );
});

test('an end that was told stays, whoever follows', async () => {
  const { folder, post } = await mirror('succeeded', false);
  await writeContact(post, { reached: false, since: heard });
  assert.deepEqual(await mirroredState(folder, place), { state: 'succeeded' });
});

test('which places are elsewhere', () => {
  const cases: [Parameters<typeof isElsewhere>[0], string, boolean][] = [
    [{ kind: 'local' }, 'local', false],
    [{ kind: 'ssh', host: 'a' }, 'ssh:a', true],
    [{ kind: 'slurm' }, 'slurm', false],
    [{ kind: 'slurm', host: 'a' }, 'slurm:a', true],
  ];
  for (const [record, name, elsewhere] of cases) {
    assert.equal(placeName(record), name);
    assert.equal(isElsewhere(record), elsewhere);
  }
});
