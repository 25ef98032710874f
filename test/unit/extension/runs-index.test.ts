import assert from 'node:assert/strict';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDamaged, readEntry } from '../../../src/extension/runs/entry.ts';
import { type IndexChange, RunIndex } from '../../../src/extension/runs/index.ts';
import { layout } from '../../../src/record/layout.ts';
import { readRun } from '../../../src/record/read.ts';
import { temporaryFolder } from '../../support.ts';
import { request } from '../record/support.ts';
import { writeEnded } from './runs-world.ts';

/** Long ago, so that a directory counts as settled. */
const past = new Date(Date.now() - 60_000);
const settle = (folder: string) => utimes(folder, past, past);

async function place(): Promise<{ strata: string; runs: string; cache: string }> {
  const folder = await temporaryFolder();
  const strata = join(folder, '.strata');
  await mkdir(join(strata, 'runs'), { recursive: true });
  return { strata, runs: join(strata, 'runs'), cache: join(folder, 'storage', 'runs.json') };
}

test('an ended run is read as readRun reads it, with the metric that speaks for each task', async () => {
  const { runs } = await place();
  const folder = await writeEnded(runs, 'demo-s-1', { outcome: 'failed', reason: 'No space.' });
  const entry = await readEntry(folder);
  const run = await readRun(folder);
  assert.ok(entry && !isDamaged(entry));
  const { id, state, reason, attempts, arm, seed } = entry;
  assert.deepEqual(
    { id, state, reason, attempts, arm, seed },
    { id: run.id, state: run.state, reason: run.reason, attempts: run.attempts, arm: 's', seed: 1 },
  );
  assert.deepEqual(entry.values, [{ task: 'recall', metric: 'acc', value: 0.75 }]);
  assert.equal(entry.ended, 5000);
});

test('a broken record is a damaged run with a reason, a vanished folder is nothing', async () => {
  const { runs } = await place();
  const folder = await writeEnded(runs, 'broken');
  await writeFile(join(folder, layout.exit(0)), '{"outcome":');
  const entry = await readEntry(folder);
  assert.ok(entry && isDamaged(entry));
  assert.match(entry.damaged, /exit\.0\.json/);
  assert.equal(await readEntry(join(runs, 'gone')), undefined);
});

test('new, changed and removed runs are told; what stayed is not', async () => {
  const { strata, runs } = await place();
  const index = new RunIndex();
  const told: IndexChange[] = [];
  index.onChange((change) => told.push(change));
  const a = await writeEnded(runs, 'a');
  const b = await writeEnded(runs, 'b', { seed: 2 });
  await settle(a);
  await settle(b);
  assert.equal((await index.setHomes([strata])).changed.length, 2);
  assert.deepEqual(await index.refresh(), { changed: [], removed: [] });

  // A further attempt is a new file in the directory.
  await writeFile(join(a, layout.request(1)), JSON.stringify(request(1)));
  await rm(b, { recursive: true });
  const { changed, removed } = await index.refresh();
  assert.deepEqual(
    changed.map((entry) => !isDamaged(entry) && [entry.id, entry.state, entry.attempts]),
    [['a', 'waiting', 2]],
  );
  assert.deepEqual(removed, [b]);
  assert.deepEqual(
    told.flatMap(({ changed, removed }) => [...changed.map(({ id }) => id), ...removed]),
    ['a', 'b', b, 'a'],
  );
  index.dispose();
});

test('what one window knew, the next one takes over; a directory that changed meanwhile is read', async () => {
  const { strata, runs, cache } = await place();
  const a = await writeEnded(runs, 'a');
  const b = await writeEnded(runs, 'b', { seed: 2 });
  await settle(a);
  await settle(b);
  const first = new RunIndex(cache);
  await first.setHomes([strata]);
  first.dispose();
  assert.deepEqual(Object.keys(JSON.parse(await readFile(cache, 'utf8')).runs).sort(), [a, b]);

  // The proof that `a` comes from the cache: its files say something else under the same time.
  await writeFile(join(a, layout.exit(0)), JSON.stringify({ outcome: 'failed', by: 'supervisor', time: 1 }));
  await settle(a);
  await writeFile(join(b, layout.request(1)), JSON.stringify(request(1, { seed: 2 })));
  const second = new RunIndex(cache);
  await second.setHomes([strata]);
  const states = second.entries().map((entry) => (isDamaged(entry) ? 'damaged' : `${entry.id} ${entry.state}`));
  assert.deepEqual(states.sort(), ['a succeeded', 'b waiting']);
  second.dispose();
});

test('a cache that is broken costs time only', async () => {
  const { strata, runs, cache } = await place();
  await writeEnded(runs, 'a');
  await mkdir(join(cache, '..'), { recursive: true });
  await writeFile(cache, '{"version":1,"runs"');
  const index = new RunIndex(cache);
  await index.setHomes([strata]);
  assert.equal(index.entries().length, 1);
  index.dispose();
});

test('a directory that changed a moment ago is read again, because its clock may not have moved on', async () => {
  const { strata, runs } = await place();
  const a = await writeEnded(runs, 'a');
  const index = new RunIndex();
  await index.setHomes([strata]);
  const now = new Date();
  await utimes(a, now, now);
  await writeFile(join(a, layout.exit(0)), JSON.stringify({ outcome: 'canceled', by: 'supervisor', time: 1 }));
  await utimes(a, now, now);
  const { changed } = await index.refresh();
  assert.deepEqual(
    changed.map((entry) => !isDamaged(entry) && entry.state),
    ['canceled'],
  );
  index.dispose();
});

test('a look at single directories: new, changed and gone ones are told, names that are no run are not', async () => {
  const { strata, runs } = await place();
  const index = new RunIndex();
  await index.setHomes([strata]);
  const a = await writeEnded(runs, 'a');
  assert.deepEqual(
    (await index.look([a])).changed.map(({ id }) => id),
    ['a'],
  );
  await settle(a);
  await index.refresh();
  assert.deepEqual((await index.look([a])).changed, []);
  await rm(a, { recursive: true });
  assert.deepEqual(await index.look([a, join(runs, '.hidden')]), { changed: [], removed: [a] });
  assert.deepEqual(index.entries(), []);
  index.dispose();
});
