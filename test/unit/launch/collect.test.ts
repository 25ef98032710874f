import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { link, mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { collect } from '../../../src/launch/agent/collect.ts';
import { home } from '../../../src/record/layout.ts';
import { temporaryFolder } from '../../support.ts';

const day = 24 * 60 * 60 * 1000;

test('what no run reads and nothing used for 30 days is removed, once a day', async () => {
  const folder = await temporaryFolder();
  const store = join(folder, 'store');
  const tree = (letter: string) => join(store, 'trees', letter.repeat(32));
  const blob = (letter: string) => join(store, 'blobs', letter.repeat(64));
  for (const name of ['blobs', 'parts']) await mkdir(join(store, name), { recursive: true });
  for (const letter of ['a', 'b', 'c']) {
    await mkdir(tree(letter), { recursive: true });
    await writeFile(blob(letter), letter);
    await link(blob(letter), join(tree(letter), 'file'));
  }
  await writeFile(blob('d'), 'd');
  await writeFile(join(store, 'parts', 'e'.repeat(64)), 'e');
  // A run that is there reads `a`; nothing reads the others, and `c` was used a while ago.
  const run = join(folder, 'runs', 'demo-s-1-00000001');
  await mkdir(run, { recursive: true });
  await writeFile(join(run, 'request.0.json'), JSON.stringify({ sources: { model: tree('a') } }));
  const now = Date.now() + 40 * day;
  const recent = new Date(now - 5 * day);
  await utimes(tree('c'), recent, recent);
  const removed = (await collect(home(folder), now)).sort();
  assert.deepEqual(removed, ['b'.repeat(32), 'b'.repeat(64), 'd'.repeat(64), 'e'.repeat(64)]);
  for (const path of [join(tree('a'), 'file'), blob('a'), tree('c'), blob('c')]) assert.ok(existsSync(path), path);
  assert.deepEqual(await collect(home(folder), Date.now() + 2000), [], 'not again on the same day');
});
