import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Failure } from '../../../src/base/problem.ts';
import { ownPlace } from '../../../src/launch/local.ts';
import type { Order, Place } from '../../../src/launch/place.ts';
import type { Program } from '../../../src/launch/program.ts';
import { readBinding } from '../../../src/launch/slurm/arrays.ts';
import { taskName } from '../../../src/launch/slurm/jobs.ts';
import type { SlurmOptions } from '../../../src/launch/slurm/options.ts';
import { slurmPlacement } from '../../../src/launch/slurm/placement.ts';
import type { Home } from '../../../src/record/layout.ts';
import { identify } from '../../../src/record/platform.ts';
import { readRun } from '../../../src/record/read.ts';
import type { Run, RunState } from '../../../src/record/types.ts';
import type { Behaviour } from '../program.ts';
import { buildProgram, eventually, order, processesOf, temporaryPlace, workersOf } from '../support.ts';
import { needsLabs, needsSlurm, type SlurmLab, slurmLab } from './lab.ts';

/* What goes wrong between Strata and Slurm, with a worker that computes nothing. */

const here = needsSlurm.skip === false;
const lab = here ? await slurmLab() : ({} as SlurmLab);
const program: Program = here ? await buildProgram(lab.folder) : [''];

let count = 0;
const one = (behaviour: Behaviour, more: Partial<Order> = {}): Order =>
  order(`demo-s-${++count}-${String(count).padStart(8, '0')}`, behaviour, more);

async function cluster(options: SlurmOptions = {}): Promise<{ home: Home; place: Place }> {
  const home = await temporaryPlace();
  return { home, place: ownPlace(home, slurmPlacement({ options, program, lookEvery: 200 })) };
}

async function placed(place: Place, ...orders: Order[]): Promise<Run[]> {
  const runs = (await place.order(orders)).map(({ run }) => run);
  await place.wake();
  return runs;
}

/** Waits for a state as whoever follows the run does. */
async function becomes(place: Place, { folder }: Run, ...wanted: RunState[]): Promise<Run> {
  await eventually(`${folder} is ${wanted.join(' or ')}`, async () => {
    await place.refresh();
    const { state } = await readRun(folder);
    if (state === 'waiting') await place.wake().catch(() => {});
    return wanted.includes(state);
  });
  return readRun(folder);
}

const fails = (code: string, said: RegExp) => (error: unknown) =>
  error instanceof Failure && error.problem.code === code && said.test(error.problem.message);

const taskOf = async (run: Run) => taskName((await readBinding(run.folder, (await readRun(run.folder)).attempts - 1))!);
const stateOf = async (task: string) => lab.slurm('squeue', '-h', '-r', '-t', 'all', '-j', task, '-o', '%T');
const jobsOf = async (home: Home) => {
  const arrays = (await readdir(join(home.folder, 'slurm'))).filter((name) => name !== 'post');
  const said = await lab.slurm('squeue', '--me', '-h', '-t', 'all', '-n', arrays.join(','), '-o', '%F %T');
  return said.split('\n').filter(Boolean);
};

/** Command lines of all processes of this machine. */
const everyCommandLine = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .join('\n');

async function readableByOthers(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => (lstatSync(join(folder, name)).mode & 0o077) !== 0);
}

test('one task of an array fails: the others go on, its child is skipped', needsSlurm, async () => {
  const { place } = await cluster();
  const bad = one({ work: 10, exit: 1, stderr: 'no such luck' });
  const child = one({ work: 10 }, { parent: bad.id });
  const [failed, good, skipped] = await placed(place, bad, one({ work: 10 }), child);
  assert.match((await becomes(place, failed!, 'failed')).reason!, /no such luck/);
  await becomes(place, good!, 'succeeded');
  assert.match((await becomes(place, skipped!, 'skipped')).reason!, /parent .* is failed/);
  assert.ok(!existsSync(join(skipped!.folder, 'workers.log')), 'the child never ran');
});

test(
  'cancel: what waits never starts, what takes no notice of TERM is ended with all it started',
  needsSlurm,
  async () => {
    const { place } = await cluster({ parallel: 1 });
    const [deaf, waiting] = await placed(place, one({ deaf: true, escape: true }), one({}));
    await becomes(place, deaf!, 'running');
    await eventually('it has started a child', () => existsSync(join(deaf!.folder, 'escaped')));
    const escaped = Number(await readFile(join(deaf!.folder, 'escaped'), 'utf8'));
    assert.equal((await place.cancel(waiting!)).state, 'canceled');
    assert.equal((await place.cancel(deaf!, 300)).state, 'canceled');
    assert.deepEqual(processesOf(deaf!.folder), []);
    assert.equal(identify(escaped), undefined, 'nor the child that had left its group');
    assert.ok(!existsSync(join(waiting!.folder, 'workers.log')));
    await eventually('Slurm has nothing of it', async () =>
      /^(CANCELLED|COMPLETED|FAILED)$/.test(await stateOf(await taskOf(deaf!))),
    );
  },
);

test('a job that somebody takes from Slurm ends its run', needsSlurm, async () => {
  const { place } = await cluster({ parallel: 1 });
  const [first, second] = await placed(place, one({}), one({}));
  await becomes(place, first!, 'running');
  await lab.slurm('scancel', await taskOf(second!));
  assert.match((await becomes(place, second!, 'canceled')).reason!, /canceled in Slurm/);
  await lab.slurm('scancel', await taskOf(first!));
  await becomes(place, first!, 'canceled');
  assert.equal(workersOf(first!.folder), 1);
});

test(
  'without answers of the controller nothing is concluded; once it is back, one array is submitted',
  needsLabs,
  async () => {
    const { home, place } = await cluster();
    const [running] = await placed(place, one({ work: 4000 }));
    await becomes(place, running!, 'running');
    await lab.controller.end('SIGTERM');
    const [late] = (await place.order([one({ work: 10 })])).map(({ run }) => run);
    await assert.rejects(place.wake(), fails('slurm-silent', /Unable to contact/));
    await place.refresh();
    assert.equal((await readRun(late!.folder)).state, 'waiting');
    assert.ok(['running', 'succeeded'].includes((await readRun(running!.folder)).state));
    await lab.controller.start();
    await becomes(place, late!, 'succeeded');
    await becomes(place, running!, 'succeeded');
    assert.equal(workersOf(late!.folder), 1);
    assert.equal(workersOf(running!.folder), 1);
    assert.equal((await jobsOf(home)).length, 2);
  },
);

test('an answer of sbatch that was lost, and many who ask at once: one array, one worker', needsSlurm, async () => {
  const { home, place } = await cluster();
  // Submits, and then says that it did not.
  const bin = join(lab.folder, 'lossy');
  await mkdir(bin);
  await writeFile(
    join(bin, 'sbatch'),
    '#!/bin/sh\n/usr/bin/sbatch "$@" >> "$0.log"\necho "sbatch: error: Socket timed out" >&2\nexit 1\n',
  );
  await chmod(join(bin, 'sbatch'), 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${bin}:${path}`;
  try {
    const runs = (await place.order([one({ work: 200 }), one({ work: 200 })])).map(({ run }) => run);
    await Promise.all(Array.from({ length: 8 }, () => place.wake()));
    assert.equal((await readFile(join(bin, 'sbatch.log'), 'utf8')).trim().split('\n').length, 1, 'it was asked once');
    for (const run of runs) await becomes(place, run, 'succeeded');
    for (const { folder } of runs) assert.equal(workersOf(folder), 1);
    assert.equal((await jobsOf(home)).length, 2, 'two tasks of one array');
  } finally {
    process.env['PATH'] = path;
  }
});

test(
  'setup lines, a command before the program, and hostile names reach no shell as anything but words',
  needsSlurm,
  async () => {
    const spy = join(lab.folder, 'spy');
    const container = ['/usr/bin/env', `WITNESS=$(touch ${spy}) "a'b`];
    const secret = `secret-${crypto.randomUUID()}`;
    const setup = [`export BEFORE=set TOKEN=${secret}`, `[ "$PWD" != / ] || exit 1`];
    const { home, place } = await cluster({ container, setup, cpus: 1, memory: '100M', time: '10m' });
    const hostile = `x\n#SBATCH --hold\n$(touch ${spy})';%j`;
    const { request, ...rest } = one({ work: 1500 });
    const [run] = await placed(place, {
      ...rest,
      request: { ...request, experiment: { file: hostile, stem: hostile } },
    });
    await becomes(place, run!, 'running');
    const [worker] = processesOf(run!.folder, '__work');
    const environment = (await readFile(`/proc/${worker}/environ`, 'utf8')).split('\0');
    assert.ok(environment.includes(`WITNESS=$(touch ${spy}) "a'b`));
    assert.ok(environment.includes('BEFORE=set') && environment.includes(`TOKEN=${secret}`), 'it reached the worker');
    assert.ok(!everyCommandLine().includes(secret));
    const { job } = (await readBinding(run!.folder, 0))!;
    const shows = [
      await lab.slurm('scontrol', 'show', 'job', job),
      await lab.slurm('squeue', '-h', '-j', job, '-O', 'All'),
      await lab.slurm('scontrol', 'write', 'batch_script', job, '-'),
    ].join('\n');
    assert.ok(shows.includes(job) && !shows.includes(secret), 'Slurm shows nobody the secret');
    const shown = await lab.slurm('squeue', '-h', '-j', job, '-o', '%j %l %m');
    assert.match(shown, /^x-SBATCH[\w.-]*-[0-9a-f]{10} 10:00 100M$/);
    await becomes(place, run!, 'succeeded');
    assert.ok(!existsSync(spy), 'nothing was executed');
    assert.deepEqual(await readableByOthers(home.folder), [], 'no file there is for others');
    assert.equal((await jobsOf(home)).length, 1);
  },
);

test('what Slurm refuses is told in its words; the runs wait until it is corrected', needsSlurm, async () => {
  const { place } = await cluster({ partition: 'nowhere' });
  await place.order([one({ work: 10 })]);
  await assert.rejects(place.wake(), fails('slurm-refused', /nvalid partition/));
});
