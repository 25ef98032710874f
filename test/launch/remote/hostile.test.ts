import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { attempt } from '../../../src/base/problem.ts';
import { BrokenFrame, encodeFrame, FrameReader } from '../../../src/launch/agent/wire.ts';
import { isFetchable } from '../../../src/launch/mirrored.ts';
import { Connection } from '../../../src/launch/remote/connection.ts';
import { MirroredRun } from '../../../src/launch/remote/mirrored-run.ts';
import { pipeHost } from '../../../src/launch/remote/pipe.ts';
import { remotePlace } from '../../../src/launch/remote/place.ts';
import { writeMirror } from '../../../src/record/mirror.ts';
import { writeTinyModel } from '../../tiny-model.ts';
import { order, until } from '../support.ts';
import { openLab } from './support.ts';

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const lab = await openLab();
const machine = await lab.machine();
const host = pipeHost('there', machine.agent, machine.root);
const connection = await Connection.open(host, { interactive: false });
after(() => connection.kill());

const hostile = [
  '../../escape',
  'a\nb',
  '$(touch pwned)',
  "'; touch pwned; '",
  '',
  '.',
  '..',
  'A',
  '/etc/passwd',
  'x'.repeat(300),
];
const refused = async (code: RegExp, work: () => Promise<unknown>) => {
  const result = await attempt(work);
  assert.ok(!result.ok, 'it is refused');
  assert.match(result.problem.code, code);
};

test('run ids, tokens, file names and hashes that are none are refused, whatever they hold', options, async () => {
  for (const value of hostile) {
    await refused(/^invalid-run-id$/, () => connection.value('cancel', { run: value }));
    await refused(/^invalid-run-id$/, () => connection.value('files', { run: value, folder: 'model' }));
    await refused(/^invalid-token$/, () =>
      connection.value('start', { orders: [], token: value, placement: { kind: 'local' } }),
    );
    await refused(
      /^invalid-name$/,
      () => connection.ask('get', { run: 'demo-s-1-00000001', name: value, offset: 0 }).reply,
    );
    await refused(/^invalid-blob$/, () => connection.value('stat', { blobs: [{ sha256: value, size: 1 }] }));
  }
  const sha256 = 'a'.repeat(64);
  for (const name of ['../x', 'a/../../x', '/etc/x', '', 'a//b', 'nul\0', 'back\\slash']) {
    await refused(/^invalid-name$/, () => connection.value('link', { files: [{ name, sha256 }] }));
  }
  const evil = { ...order('demo-s-1-00000001', {}), id: '../../demo' };
  await refused(/./, () =>
    connection.value('start', { orders: [evil], token: crypto.randomUUID(), placement: { kind: 'local' } }),
  );
  assert.deepEqual(
    readdirSync(machine.root).filter((name) => name.includes('demo') || name.includes('escape')),
    [],
  );
});

test(
  'file names with newlines and quotes, names that are commands, secrets: carried, never executed, never shown',
  options,
  async () => {
    const folder = join(lab.folder, 'it\'s a "folder" $(touch pwned)');
    await mkdir(folder);
    const model = await writeTinyModel(join(folder, 'ba\nse'));
    const corpus = join(folder, 'new\n"facts"\'; touch pwned #.jsonl');
    await writeFile(corpus, '{"text":"one"}\n');
    const secret = `secret-${crypto.randomUUID()}`;
    const one = order('demo-s-1-00000001', { records: 200, every: 5, stderr: '$(touch pwned) `touch pwned`', work: 1 });
    const experiment = { file: join(folder, 'demo.strata.yaml'), stem: '"; touch pwned; "', title: secret };
    const sources = { model, corpus: [corpus] };
    const place = remotePlace(lab.home, {
      record: { kind: 'ssh', host: 'gpu-box' },
      host,
      placement: { kind: 'local' },
      program: lab.program,
    });
    const [placed] = await place.order([{ ...one, request: { ...one.request, experiment, sources } }]);
    const there = join(machine.home.runs, placed!.run.id);
    await until(there, 'running');
    const lines = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return `${readFileSync(`/proc/${pid}/cmdline`, 'utf8')}${readFileSync(`/proc/${pid}/comm`, 'utf8')}`;
        } catch {
          return '';
        }
      });
    assert.ok(
      lines.some((line) => line.includes(placed!.run.id)),
      'its processes are seen',
    );
    assert.ok(!lines.some((line) => line.includes(secret)), 'a title is in no command line');
    const request = JSON.parse(readFileSync(join(there, 'request.0.json'), 'utf8'));
    assert.equal(request.experiment.title, secret);
    assert.match(request.sources.corpus[0], /\/store\/trees\/[0-9a-f]{32}\/[0-9a-f]{16}\.jsonl$/);
    assert.equal(readFileSync(request.sources.corpus[0], 'utf8'), '{"text":"one"}\n');
    await until(there, 'succeeded');
    const open = execFileSync(
      'find',
      [machine.root, '-perm', '/077', '-not', '-path', machine.root, '-not', '-type', 'l'],
      { encoding: 'utf8' },
    );
    assert.equal(open, '', 'nothing there can be read by others');
    const pwned = execFileSync('find', [lab.folder, process.cwd(), '-maxdepth', '3', '-name', 'pwned'], {
      encoding: 'utf8',
    });
    assert.equal(pwned, '');
  },
);

test('a host that lies writes nothing outside the mirror', options, async () => {
  const folder = join(lab.home.runs, 'lied');
  await mkdir(folder, { recursive: true });
  await writeMirror(folder, { created: 1, attempts: 1, state: 'running', heard: 1, complete: false });
  const run = (await MirroredRun.open(folder, 'lied'))!;
  const { asked } = await run.cursor();
  const about = { run: 'lied', asked };
  for (const name of [
    '../evil',
    '/tmp/evil',
    'place.json',
    'spec.json',
    'mirror.json',
    'samples/../../evil.jsonl',
    'events.0.jsonl/../evil',
  ]) {
    await run.apply({ ...about, kind: 'appended', name, offset: 0 }, Buffer.from('evil'));
    await run.apply(
      { ...about, kind: 'replaced', name, offset: 0, size: 4, sha256: 'x', last: true },
      Buffer.from('evil'),
    );
  }
  assert.deepEqual(readdirSync(folder), ['mirror.json']);
  assert.ok(!existsSync(join(lab.home.runs, 'evil')) && !existsSync('/tmp/evil'));
  const lie = {
    ...about,
    kind: 'replaced' as const,
    name: 'scores.json',
    offset: 0,
    size: 4,
    sha256: 'a'.repeat(64),
    last: true,
  };
  assert.equal(
    await run.apply(lie, Buffer.from('evil')),
    'again',
    'content that is not what its hash says is not taken',
  );
  const status = { id: 'lied', created: 1, attempts: 1, state: 'failed' as const, experiment: 'x', arm: 'a' };
  await run.apply(
    { ...about, kind: 'complete', status: { ...status, reason: '\x1b]0;evil\x07\x1b[2Jno' }, files: {} },
    Buffer.alloc(0),
  );
  assert.equal(
    JSON.parse(readFileSync(join(folder, 'mirror.json'), 'utf8')).reason,
    ']0;evil[2Jno',
    'nothing steers a terminal',
  );
  for (const name of ['model/../x', 'model', '/model/x', 'checkpoint/a/../../b', 'spec.json'])
    assert.ok(!isFetchable(name), name);
});

test('frames come whole or not at all, however they are cut, and after any noise', () => {
  const frame = fc.record({
    head: fc.record({ type: fc.string(), text: fc.string() }, { noNullPrototype: true }),
    payload: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 5 }),
      fc.string(),
      fc.integer({ min: 1, max: 40 }),
      (frames, noise, step) => {
        fc.pre(!noise.includes('~strata '));
        const bytes = Buffer.concat([
          Buffer.from(noise),
          ...frames.map(({ head, payload }) => encodeFrame(head, payload)),
        ]);
        const reader = new FrameReader();
        const seen = [];
        for (let at = 0; at < bytes.length; at += step) {
          for (const { head, payload } of reader.push(bytes.subarray(at, at + step))) {
            const { bytes: _bytes, ...rest } = head;
            seen.push({ head: rest, payload: new Uint8Array(payload) });
          }
        }
        assert.deepEqual(
          seen,
          frames.map(({ head, payload }) => ({ head, payload: new Uint8Array(payload) })),
        );
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (payload, place, change) => {
        const good = encodeFrame({ type: 'part', id: 1 }, payload);
        const bad = Buffer.from(good);
        const at = 8 + (place % (bad.length - 8));
        bad[at] = bad[at]! ^ change;
        const reader = new FrameReader();
        try {
          for (const taken of reader.push(bad)) assert.fail(`a changed frame was taken: ${JSON.stringify(taken.head)}`);
        } catch (error) {
          assert.ok(error instanceof BrokenFrame, String(error));
        }
      },
    ),
  );
});

test('bytes that are no protocol end the agent, and what it says of itself is no secret', options, async () => {
  const other = await host.connect({ interactive: false });
  other.input.write('GET / HTTP/1.1\r\n\r\n');
  other.input.write(encodeFrame({ type: 'greet', protocol: 99, leaseMs: 1000 }));
  const end = await other.ended;
  assert.equal(end.code, 0);
});
