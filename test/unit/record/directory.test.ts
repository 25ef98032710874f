import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { attempt } from '../../../src/base/problem.ts';
import { AttemptWriter } from '../../../src/record/append.ts';
import {
  createAttempt,
  createExit,
  createRun,
  keepReserve,
  removeRun,
  writeOnFullDisk,
} from '../../../src/record/create.ts';
import { findRuns, newestOf, rememberPlace, resolveRun, versionsOf } from '../../../src/record/find.ts';
import { home, layout, samplesFile } from '../../../src/record/layout.ts';
import { identify, liveness, platform } from '../../../src/record/platform.ts';
import { loadRunData, readMetrics, readProgress, readRun } from '../../../src/record/read.ts';
import { temporaryFolder } from '../../support.ts';
import { request, spec } from './support.ts';

process.env['XDG_STATE_HOME'] = await temporaryFolder();
const local = { kind: 'local' } as const;
const step = (n: number, loss: number) => ({
  step: n,
  tokens: n * 8,
  loss,
  grad_norm: 1,
  lr: 0.1,
  tokens_per_second: 5,
  wall: n,
});

async function runIn(folder: string, id = 'demo-s-1-abcdef01') {
  const h = home(join(folder, '.strata'));
  assert.equal(await createRun(h, id, { spec, place: local, request: request() }), true);
  return { home: h, folder: join(h.runs, id) };
}

test('a run directory appears whole, once, closed to others and ignored by git', async () => {
  const folder = await temporaryFolder();
  const h = home(join(folder, '.strata'));
  const parts = { spec, place: local, request: request() };
  const created = await Promise.all(Array.from({ length: 20 }, () => createRun(h, 'demo-s-1-abcdef01', parts)));
  assert.equal(created.filter(Boolean).length, 1);
  assert.deepEqual((await readdir(join(h.runs, 'demo-s-1-abcdef01'))).sort(), [
    'place.json',
    'request.0.json',
    'spec.json',
  ]);
  assert.deepEqual(await readdir(h.unfinished), []);
  assert.deepEqual(await readdir(h.folder).then((names) => names.sort()), [
    '.gitignore',
    'dispatcher',
    'runs',
    'unfinished',
  ]);
  const mode = async (path: string) => (await stat(path)).mode & 0o777;
  assert.equal(await mode(h.folder), 0o700);
  assert.equal(await mode(join(h.runs, 'demo-s-1-abcdef01')), 0o700);
  assert.equal(await mode(join(h.runs, 'demo-s-1-abcdef01', layout.spec)), 0o600);
  const refused = await attempt(() => createRun(h, '../escape', parts));
  assert.ok(!refused.ok && refused.problem.code === 'invalid-run-id');
});

test('a fresh run waits; a further attempt is asked for once', async () => {
  const { folder } = await runIn(await temporaryFolder());
  assert.equal((await readRun(folder)).state, 'waiting');
  await createExit(folder, 0, { outcome: 'failed', reason: 'x', by: 'supervisor', time: 1 });
  assert.deepEqual(await readRun(folder).then(({ state, reason }) => ({ state, reason })), {
    state: 'failed',
    reason: 'x',
  });
  assert.equal(
    await createExit(folder, 0, { outcome: 'succeeded', by: 'supervisor', time: 1 }),
    false,
    'one exit at most',
  );
  const asked = await Promise.all(Array.from({ length: 5 }, () => createAttempt(folder, request(1))));
  assert.equal(asked.filter(Boolean).length, 1);
  const run = await readRun(folder);
  assert.deepEqual([run.state, run.attempts, run.request.attempt], ['waiting', 2, 1]);
});

test('every step is read exactly once: a later attempt supersedes, a torn line is left out', async () => {
  const { folder } = await runIn(await temporaryFolder());
  const first = new AttemptWriter(folder, 0);
  for (const n of [1, 2, 3, 4, 5]) first.step(step(n, 10 - n));
  first.score({ step: 0, task: 'recall', metric: 'acc', value: 0.25 });
  first.score({ step: 4, task: 'recall', metric: 'acc', value: 0.3 });
  first.close();
  await appendFile(join(folder, layout.metrics(0)), '{"step":6,"tok');
  await createAttempt(folder, request(1));
  const second = new AttemptWriter(folder, 1);
  for (const n of [4, 5, 6, 7]) second.step(step(n, 100 - n));
  second.score({ step: 4, task: 'recall', metric: 'acc', value: 0.5 });
  second.close();
  const { steps, curve } = await readMetrics(folder);
  assert.deepEqual(
    steps.map((s) => [s.step, s.loss]),
    [
      [1, 9],
      [2, 8],
      [3, 7],
      [4, 96],
      [5, 95],
      [6, 94],
      [7, 93],
    ],
  );
  assert.deepEqual(
    curve.map((c) => [c.step, c.value]),
    [
      [0, 0.25],
      [4, 0.5],
    ],
  );
});

test('scores, samples and progress come back', async () => {
  const { folder } = await runIn(await temporaryFolder());
  await writeFile(
    join(folder, layout.scores),
    JSON.stringify({ 'perplexity:x': { bits_per_byte: { value: 1, stderr: null, n: 2 } } }),
  );
  await mkdir(join(folder, layout.samples));
  assert.equal(samplesFile('perplexity:x'), join('samples', 'perplexity.x.jsonl'));
  await writeFile(join(folder, samplesFile('perplexity:x')), '{"doc_id":0,"prompt_hash":"h"}\n');
  const writer = new AttemptWriter(folder, 0);
  for (let n = 1; n <= 2000; n++) writer.step(step(n, 1));
  writer.event({ type: 'progress', stage: 'train', label: 'steps', done: 2000, total: 2000 });
  writer.close();
  const data = await loadRunData(folder);
  assert.equal(data.steps.length, 2000);
  assert.deepEqual(data.samples['perplexity:x'], [{ doc_id: 0, prompt_hash: 'h' }]);
  const progress = await readProgress(data.run);
  assert.equal(progress.step?.step, 2000);
  assert.equal(progress.current?.type, 'progress');
});

test('RUN is a path, an id or the unique beginning of one; runs are found from below and from where run was used', async () => {
  const folder = await temporaryFolder();
  const a = await runIn(folder, 'demo-s-1-abcdef01');
  await runIn(folder, 'demo-s-2-abcdef02');
  const below = join(folder, 'data', 'deep');
  await mkdir(below, { recursive: true });
  assert.equal((await resolveRun('demo-s-1', below)).id, 'demo-s-1-abcdef01');
  assert.equal((await resolveRun(a.folder, '/')).id, 'demo-s-1-abcdef01');
  const code = async (argument: string) => {
    const result = await attempt(() => resolveRun(argument, below));
    return result.ok ? 'found' : result.problem.code;
  };
  assert.equal(await code('demo-s'), 'unknown-run-ambiguous');
  assert.equal(await code('other'), 'unknown-run');
  const elsewhere = await temporaryFolder();
  assert.deepEqual(await findRuns(elsewhere), []);
  await rememberPlace(a.home.folder);
  await rememberPlace(a.home.folder);
  assert.equal((await findRuns(elsewhere)).length, 2);
});

test('the newest of several fresh versions is taken, by number', async () => {
  const folder = await temporaryFolder();
  const { home: h } = await runIn(folder, 'demo-s-1-abcdef01');
  for (const id of ['demo-s-1-abcdef01-2', 'demo-s-1-abcdef01-10', 'demo-s-1-abcdef019']) {
    await createRun(h, id, { spec, place: local, request: request() });
  }
  assert.equal((await versionsOf(h.folder, 'demo-s-1-abcdef01')).length, 3);
  assert.match((await newestOf(h.folder, 'demo-s-1-abcdef01'))!, /-10$/);
});

test('rm removes the directory and leaves nothing behind', async () => {
  const { home: h, folder } = await runIn(await temporaryFolder());
  await removeRun(h, folder);
  assert.deepEqual([await readdir(h.runs), await readdir(h.unfinished)], [[], []]);
});

test('a damaged record is a sentence, not a crash', async () => {
  const { folder } = await runIn(await temporaryFolder());
  await writeFile(join(folder, layout.exit(0)), '{"outcome":');
  const result = await attempt(() => readRun(folder));
  assert.ok(!result.ok && result.problem.code === 'run-damaged');
});

test('on a full disk the reserve is given back and the write is tried again', async () => {
  const { folder } = await runIn(await temporaryFolder());
  await keepReserve(folder);
  assert.equal((await stat(join(folder, layout.reserve))).size, 65536);
  let tries = 0;
  await writeOnFullDisk(folder, async () => {
    if (++tries === 1) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  });
  assert.equal(tries, 2);
  assert.ok(!(await readdir(folder)).includes(layout.reserve));
});

test('a process is known by more than its pid', async () => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], {
    env: { ...process.env, STRATA_COOKIE: 'cookie-of-this-test' },
    stdio: 'ignore',
  });
  await new Promise((resolve) => child.once('spawn', resolve));
  const identity = identify(child.pid)!;
  assert.equal(liveness(identity), 'alive');
  assert.equal(liveness({ ...identity, start: '1' }), 'dead', 'the pid was used again');
  assert.equal(liveness({ ...identity, boot: 'other' }), 'dead', 'the machine was restarted');
  assert.equal(liveness({ ...identity, host: 'other' }), 'unknown');
  if (process.platform === 'linux') {
    // The environment shows once the program is in place (execve), shortly after the process exists.
    for (let i = 0; i < 100 && platform.withCookie('cookie-of-this-test').length === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(platform.withCookie('cookie-of-this-test'), [child.pid]);
  }
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  assert.equal(liveness(identity), 'dead');
});
