import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { resolveRun } from '../../src/record/find.ts';
import { home, layout } from '../../src/record/layout.ts';
import { readMetrics, readRun } from '../../src/record/read.ts';
import { readExit } from '../../src/record/snapshot.ts';
import { states } from '../../src/record/state.ts';
import { onSmallDisk, processesOf, until } from '../launch/support.ts';
import { temporaryFolder } from '../support.ts';
import { buildStrata, experiment, writeWorld } from './runner-support.ts';

const program = await buildStrata('runner-cli');
const options = {
  skip: process.platform === 'linux' ? false : 'processes are looked at through /proc',
  timeout: 120_000,
};
const evaluation = 'evaluation: { tasks: [recall] }';

async function world(text: string): Promise<string> {
  const folder = await temporaryFolder();
  await fill(folder, text);
  return folder;
}
async function fill(folder: string, text: string): Promise<void> {
  process.env['XDG_STATE_HOME'] = join(folder, 'state');
  await writeWorld(folder);
  await writeFile(join(folder, 'tiny.strata.yaml'), text);
  after(() => {
    for (const pid of processesOf(folder)) process.kill(pid, 'SIGKILL');
  });
}

interface Said {
  code: number;
  out: string;
  err: string;
}
function strata(folder: string, ...args: string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(program[0], [...program.slice(1), ...args], { cwd: folder }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}
const json = async <T>(folder: string, ...args: string[]) => {
  const { code, out, err } = await strata(folder, ...args, '--json');
  assert.ok(out.startsWith('{'), err);
  return { code, value: JSON.parse(out) as T };
};

test('run follows to the verdict; the second time everything is reused', options, async () => {
  const folder = await world(
    experiment({ evaluation, arms: '  base: {}\n  s: { expand: { after: [0] }, train: [new] }' }),
  );
  const first = await strata(folder, 'run', 'tiny.strata.yaml', '--jobs', '2');
  assert.equal(first.code, 0, first.err);
  assert.match(first.err, /tiny-s-1-[0-9a-f]{8}: new/);
  assert.match(first.out, /subject s · baseline base/);
  const second = await json<{ runs: { outcome: string; state: string }[]; comparison: { subject: string } }>(
    folder,
    'run',
    'tiny.strata.yaml',
  );
  assert.deepEqual(
    second.value.runs.map((r) => [r.outcome, r.state]),
    [
      ['finished', 'succeeded'],
      ['finished', 'succeeded'],
    ],
  );
  assert.equal(second.value.comparison.subject, 's');
  const listed = await json<{ runs: { id: string; state: string }[] }>(folder, 'runs');
  assert.deepEqual(
    listed.value.runs.map((r) => r.state),
    ['succeeded', 'succeeded'],
  );
  const narrow = await strata(folder, 'runs');
  assert.ok(narrow.out.split('\n').every((line) => line.length <= 80));
  assert.equal((await strata(folder, 'verify', 'tiny-s')).code, 0);
  assert.match((await strata(folder, 'logs', 'tiny-s')).out, /proof of identity: holds/);
  assert.equal((await strata(folder, 'rm', 'tiny-s')).code, 2, 'nobody to ask');
  assert.equal((await strata(folder, 'rm', 'tiny-s', '--yes')).code, 0);
  assert.equal((await json<{ runs: unknown[] }>(folder, 'runs')).value.runs.length, 1);
});

/** `strata run` as a process that gets Ctrl-C `times` times once its run trains. */
async function interrupted(folder: string, times: number): Promise<Said & { id: string }> {
  const child = spawn(program[0], [...program.slice(1), 'run', 'tiny.strata.yaml'], { cwd: folder });
  let [out, err] = ['', ''];
  child.stdout.on('data', (d) => (out += d));
  child.stderr.on('data', (d) => (err += d));
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  const id = await trains(folder);
  while (!/: (new|waits or runs already)/.test(err)) await new Promise((resolve) => setTimeout(resolve, 10));
  for (let i = 0; i < times; i++) {
    child.kill('SIGINT');
    const before = err.length;
    for (let k = 0; k < 100 && i === 0 && !err.slice(before).includes('Detached'); k++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  return { code: await ended, out, err, id };
}
async function trains(folder: string): Promise<string> {
  for (let i = 0; i < 400; i++) {
    const run = await resolveRun('tiny-s', folder).catch(() => undefined);
    if (run && existsSync(join(run.folder, layout.metrics(0))) && (await readMetrics(run.folder)).steps.length > 0)
      return run.id;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it does not train after 20 s');
}

const long = experiment({ evaluation }).replace('steps: 40', 'steps: 100000');

test(
  'Ctrl-C detaches and says how to attach; cancel ends it; resume goes on; a second Ctrl-C cancels',
  options,
  async () => {
    const folder = await world(long);
    const detached = await interrupted(folder, 1);
    assert.equal(detached.code, 130);
    assert.match(detached.err, new RegExp(`strata attach ${detached.id}`));
    const run = await resolveRun(detached.id, folder);
    assert.equal(run.state, 'running');
    assert.equal((await strata(folder, 'rm', run.id, '--yes')).code, 1, 'a run that is at work is not removed');
    const canceled = await json<{ state: string }>(folder, 'cancel', run.id);
    assert.equal(canceled.value.state, 'canceled');
    assert.equal((await readExit(run.folder, 0))?.code, 143, 'with a checkpoint');
    const before = (await readMetrics(run.folder)).steps.length;
    const resumed = await json<{ outcome: string; attempts: number }>(folder, 'resume', run.id);
    assert.deepEqual([resumed.value.outcome, resumed.value.attempts], ['resumed', 2]);
    await until(run.folder, 'running');
    for (let i = 0; i < 400 && (await readMetrics(run.folder)).steps.length <= before; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok((await readMetrics(run.folder)).steps.length > before, 'it goes on from its checkpoint');
    const twice = await interrupted(folder, 2);
    assert.equal(twice.code, 130);
    assert.match(twice.err, /waits or runs already/);
    assert.equal(
      (await readRun(run.folder)).state,
      'running',
      'what another command started is not canceled by this one',
    );
    await strata(folder, 'cancel', run.id);

    await rm(run.folder, { recursive: true });
    const own = await interrupted(folder, 2);
    assert.equal(own.code, 130);
    assert.match(own.err, /tiny-s-1-[0-9a-f]{8}: canceled/);
    assert.equal((await resolveRun('tiny-s', folder)).state, 'canceled');
  },
);

test(
  'everything is killed at once, as by a power cut: run goes on, attach follows, and the end is the same',
  options,
  async () => {
    const folder = await world(experiment({ evaluation }).replace('steps: 40', 'steps: 150'));
    const detached = await json<{ runs: { id: string; folder: string }[] }>(
      folder,
      'run',
      'tiny.strata.yaml',
      '--detach',
    );
    const [{ id, folder: run }] = detached.value.runs as [{ id: string; folder: string }];
    await trains(folder);
    for (const pid of processesOf(folder)) process.kill(pid, 'SIGKILL');
    const lost = await until(run, 'lost');
    assert.equal(lost.reason, 'Its processes were killed.', 'the fault came while it trained');
    const again = await strata(folder, 'run', 'tiny.strata.yaml', '--detach');
    assert.match(again.err, new RegExp(`${id}: goes on`));
    const attached = await json<{ state: string; reason?: string; attempts: number; scores: object }>(
      folder,
      'attach',
      id,
    );
    assert.deepEqual(
      [attached.code, attached.value.state, attached.value.attempts],
      [0, 'succeeded', 2],
      attached.value.reason,
    );
    assert.deepEqual(Object.keys(attached.value.scores), ['recall']);
    assert.deepEqual(
      (await readMetrics(run)).steps.map((s) => s.step),
      Array.from({ length: 150 }, (_, i) => i + 1),
    );
    assert.equal((await strata(folder, 'run', 'tiny.strata.yaml', '--fresh')).code, 0);
    const weights = (of: string) => readFile(join(of, layout.model, 'trained.safetensors'));
    assert.ok((await weights(run)).equals(await weights(`${run}-2`)));
  },
);

test('a wrong target, arm or run is refused with exit code 2', options, async () => {
  const folder = await world(experiment({ evaluation }));
  for (const args of [
    ['run', 'tiny.strata.yaml', '--on', 'mars'],
    ['run', 'tiny.strata.yaml', '--on', 'ssh:'],
    ['run', 'tiny.strata.yaml', '--arm', 'x'],
    ['run', 'nowhere.strata.yaml'],
    ['attach', 'nothing'],
    ['rm'],
  ]) {
    const { code, err } = await strata(folder, ...args);
    assert.equal(code, 2, `${args.join(' ')}: ${err}`);
  }
  assert.ok(!existsSync(home(join(folder, '.strata')).runs), 'nothing was made');
});

test('--stale removes what the file no longer resolves to', options, async () => {
  const folder = await world(experiment({ evaluation }).replace('steps: 40', 'steps: 3'));
  await strata(folder, 'run', 'tiny.strata.yaml');
  const old = await resolveRun('tiny-s', folder);
  const text = await readFile(join(folder, 'tiny.strata.yaml'), 'utf8');
  await writeFile(join(folder, 'tiny.strata.yaml'), text.replace('steps: 3', 'steps: 4'));
  await strata(folder, 'run', 'tiny.strata.yaml');
  const removed = await json<{ removed: string[] }>(folder, 'rm', '--stale', 'tiny.strata.yaml', '--yes');
  assert.deepEqual(removed.value.removed, [old.id]);
  assert.notEqual((await resolveRun('tiny-s', folder)).id, old.id);
});

test('a full disk ends a run with a sentence; with space again it goes on to the same end', options, (t) =>
  onSmallDisk(t, 4, async (disk) => {
    await fill(disk, experiment({ evaluation }));
    const plenty = await temporaryFolder();
    await cp(disk, plenty, { recursive: true });
    const free = () => statfsSync(disk).bavail * statfsSync(disk).bsize;
    const started = await strata(disk, 'plan', 'tiny.strata.yaml');
    assert.equal(started.code, 0, started.err);
    // Room for the run directory and the start, not for a checkpoint beside the model.
    await writeFile(join(disk, 'ballast'), Buffer.alloc(free() - 420 * 1024, 1));
    const failed = await strata(disk, 'run', 'tiny.strata.yaml');
    assert.equal(failed.code, 1, failed.out);
    const run = await resolveRun('tiny-s', disk);
    assert.equal(run.state, 'failed');
    assert.ok(states[run.state].ended);
    assert.match(run.reason ?? '', /no space is left|its disk has/);
    assert.match(run.reason ?? '', /Free some space/);
    await rm(join(disk, 'ballast'));
    assert.equal((await strata(disk, 'run', 'tiny.strata.yaml')).code, 0);
    assert.equal((await strata(plenty, 'run', 'tiny.strata.yaml')).code, 0);
    const [one, two] = [await resolveRun('tiny-s', disk), await resolveRun('tiny-s', plenty)];
    assert.equal(one.id, two.id);
    const weights = (folder: string) => readFile(join(folder, layout.model, 'trained.safetensors'));
    assert.ok((await weights(one.folder)).equals(await weights(two.folder)));
  }),
);
