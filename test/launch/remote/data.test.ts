import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256 } from '../../../src/base/hash.ts';
import { attempt } from '../../../src/base/problem.ts';
import { Connection } from '../../../src/launch/remote/connection.ts';
import { withContact } from '../../../src/launch/remote/contact.ts';
import { sendData } from '../../../src/launch/remote/data.ts';
import { pipeHost } from '../../../src/launch/remote/pipe.ts';
import { remotePlace } from '../../../src/launch/remote/place.ts';
import { hashModel } from '../../../src/model/hash.ts';
import { openModel } from '../../../src/model/open.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import { onSmallDisk, order, until } from '../support.ts';
import { faultyHost } from './faults.ts';
import { openLab } from './support.ts';

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const lab = await openLab();
const machine = await lab.machine();
const direct = pipeHost('there', machine.agent, machine.root);
const model = await writeTinyModel(join(lab.folder, 'base'));
const contact = { interactive: false, limitMs: 60_000 };
const blobs = join(machine.root, 'store', 'blobs');

/** An order whose corpus is this file. */
function reading(file: string) {
  const one = order('demo-s-1-00000001', { work: 1 });
  return { ...one, request: { ...one.request, sources: { model, corpus: [file] } } };
}

test('a transfer that is cut goes on where it was; what arrived is verified, and sent once', options, async () => {
  const bytes = randomBytes(3_000_000);
  const file = join(lab.folder, 'corpus.jsonl');
  await writeFile(file, bytes);
  const host = faultyHost(direct);
  host.cutNext({ up: 1_500_000 });
  const [sent] = await withContact(host, contact, (connection) => sendData(connection, lab.home, [reading(file)]));
  assert.equal(host.seen.cuts, 1);
  assert.equal(host.seen.connections, 2);
  assert.ok(host.seen.up < 4_300_000, `${host.seen.up} bytes went there: not all of it twice`);
  const [there] = sent!.request.sources.corpus!;
  assert.ok((await readFile(there!)).equals(bytes));
  assert.deepEqual(await readdir(join(machine.root, 'store', 'parts')), []);
  const again = faultyHost(direct);
  await withContact(again, contact, (connection) => sendData(connection, lab.home, [reading(file)]));
  assert.ok(again.seen.up < 20_000, `${again.seen.up} bytes: only hashes were sent`);
});

test('content that is not what was announced is refused, leaves nothing, and can be sent again', options, async () => {
  const connection = await Connection.open(direct, { interactive: false });
  const good = randomBytes(100_000);
  const blob = { sha256: sha256(good), size: good.length };
  const put = async (bytes: Buffer, offset = 0) => {
    const asked = connection.ask('put', { ...blob, offset });
    for (let at = offset; at < bytes.length; at += 30_000) await asked.more({}, bytes.subarray(at, at + 30_000));
    await asked.more({});
    return asked.reply;
  };
  const bad = Buffer.from(good);
  bad[50_000] = bad[50_000]! ^ 1;
  const refused = await attempt(() => put(bad));
  assert.equal(refused.ok ? '' : refused.problem.code, 'data-mismatch');
  assert.ok(!existsSync(join(blobs, blob.sha256)));
  const gap = await attempt(() => put(good, 50_000));
  assert.equal(gap.ok ? '' : gap.problem.code, 'data-gap');
  for (let round = 0; round < 20; round++) {
    await rm(join(blobs, blob.sha256), { force: true });
    await Promise.all(Array.from({ length: 6 }, () => put(good)));
    assert.ok(readFileSync(join(blobs, blob.sha256)).equals(good));
  }
  assert.equal((await connection.value('stat', { blobs: [blob] })).have[blob.sha256], 'whole');
  await connection.close();
});

test('an empty file, and two of the same content, are sent too', options, async () => {
  const [empty, twin] = [join(lab.folder, 'empty.txt'), join(lab.folder, 'twin.jsonl.gz')];
  await writeFile(empty, '');
  await writeFile(twin, '');
  const connection = await Connection.open(direct, { interactive: false });
  const one = reading(empty);
  const both = { ...one, request: { ...one.request, sources: { model, corpus: [empty, twin] } } };
  const [sent] = await sendData(connection, lab.home, [both]);
  for (const path of sent!.request.sources.corpus!) assert.equal((await stat(path)).size, 0);
  const endings = sent!.request.sources.corpus!.map((path) => path.slice(path.lastIndexOf('/') + 17));
  assert.deepEqual(endings, ['.txt', '.jsonl.gz'], 'the endings say how a file is read');
  await connection.close();
});

test("a run's model goes with the base it lies over, and is the same model there", options, async () => {
  const base = await openModel(model);
  const overlay = join(lab.folder, 'overlay');
  await mkdir(overlay);
  await copyFile(join(model, 'config.json'), join(overlay, 'config.json'));
  const map = Object.fromEntries([...base.tensors.keys()].map((name) => [name, name]));
  const laid = { strata: 1, base: { folder: model, hash: await hashModel(base) }, layers: base.layers, map };
  await writeFile(join(overlay, 'strata.json'), JSON.stringify(laid));
  const connection = await Connection.open(direct, { interactive: false });
  const one = reading(join(lab.folder, 'corpus.jsonl'));
  const [sent] = await sendData(connection, lab.home, [
    { ...one, request: { ...one.request, sources: { model: overlay } } },
  ]);
  await connection.close();
  const there = await openModel(sent!.request.sources.model);
  assert.ok(there.folder.startsWith(machine.root) && there.base!.folder.startsWith(machine.root));
  assert.equal(await hashModel(there), await hashModel(await openModel(overlay)));
  assert.equal(await hashModel(await openModel(there.base!.folder)), laid.base.hash);
});

test('a fetch that is cut goes on where it was, and is held against the hash there', options, async () => {
  const host = faultyHost(direct);
  const place = remotePlace(lab.home, {
    record: { kind: 'ssh', host: 'gpu-box' },
    host,
    placement: { kind: 'local' },
    program: lab.program,
  });
  const one = order('demo-s-2-00000002', { work: 1 });
  const [placed] = await place.order([{ ...one, request: { ...one.request, sources: { model } } }]);
  const there = join(machine.home.runs, placed!.run.id);
  await until(there, 'succeeded');
  await mkdir(join(there, 'checkpoint', 'deep'), { recursive: true });
  const weights = randomBytes(2_000_000);
  await writeFile(join(there, 'checkpoint', 'deep', 'state "1".bin'), weights);
  const before = host.seen.down;
  host.cutNext({ down: 1_200_000 });
  const path = await place.fetch(placed!.run, 'checkpoint');
  assert.equal(host.seen.cuts, 1);
  assert.ok((await readFile(join(path, 'deep', 'state "1".bin'))).equals(weights));
  assert.ok(host.seen.down - before < 2_500_000, 'not all of it came twice');
});

test('a disk that is too small there: said before anything is sent', options, (t) =>
  onSmallDisk(t, 8, async (folder) => {
    const small = pipeHost('small', machine.agent, join(folder, 'strata'));
    const connection = await Connection.open(small, { interactive: false });
    const result = await attempt(() => sendData(connection, lab.home, [reading(join(lab.folder, 'corpus.jsonl'))]));
    assert.equal(result.ok ? '' : result.problem.code, 'disk-full');
    assert.match(result.ok ? '' : result.problem.message, /MiB are to be sent, and \d+ MiB are free there/);
    assert.deepEqual(await readdir(join(folder, 'strata', 'store', 'parts')), []);
    await connection.close();
  }),
);
