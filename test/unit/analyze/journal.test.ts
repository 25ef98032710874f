import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openJournal } from '../../../src/analyze/journal.ts';
import { temporaryFolder } from '../../support.ts';

test('what was noted is found again, bit for bit, under the same content only', async () => {
  const folder = await temporaryFolder();
  const values = Float64Array.from([0.1, -1 / 3, Number.NaN, Number.NEGATIVE_INFINITY, 5e-324, -0]);
  const first = await openJournal(folder, { model: 'a', requests: 'b' });
  first.note('removal 3/0', values);
  first.close();

  const again = await openJournal(folder, { requests: 'b', model: 'a' });
  assert.ok(Buffer.from(again.find('removal 3/0')!.buffer).equals(Buffer.from(values.buffer)));
  assert.equal(again.find('removal 4/0'), undefined);
  again.close();

  const other = await openJournal(folder, { model: 'a', requests: 'c' });
  assert.equal(other.find('removal 3/0'), undefined);
  other.close();
});

test('a line that a kill tore is left out, and what follows it is read', async () => {
  const folder = await temporaryFolder();
  const journal = await openJournal(folder, 1);
  journal.note('a', Float64Array.of(1));
  journal.note('b', Float64Array.of(2));
  journal.close();
  const file = join(folder, (await readdir(folder))[0]!);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.slice(0, -9));

  const resumed = await openJournal(folder, 1);
  assert.deepEqual(resumed.find('a'), Float64Array.of(1));
  assert.equal(resumed.find('b'), undefined);
  resumed.note('b', Float64Array.of(3));
  resumed.close();

  const last = await openJournal(folder, 1);
  assert.deepEqual(last.find('b'), Float64Array.of(3));
  last.close();
});

test('of two that note the same, the first counts', async () => {
  const folder = await temporaryFolder();
  const journal = await openJournal(folder, 1);
  journal.note('a', Float64Array.of(1));
  journal.close();
  const file = join(folder, (await readdir(folder))[0]!);
  await appendFile(file, (await readFile(file, 'utf8')).replace(/"values":"[^"]*"/, '"values":"AAAAAAAAAAA="'));
  const again = await openJournal(folder, 1);
  assert.deepEqual(again.find('a'), Float64Array.of(1));
  again.close();
});

test('without a folder nothing is written', async () => {
  const journal = await openJournal(undefined, 1);
  journal.note('a', Float64Array.of(1));
  assert.deepEqual(journal.find('a'), Float64Array.of(1));
  journal.close();
});
