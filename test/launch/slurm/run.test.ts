import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownPlace } from '../../../src/launch/local.ts';
import { type Program, pause } from '../../../src/launch/program.ts';
import { readBinding } from '../../../src/launch/slurm/arrays.ts';
import { taskName } from '../../../src/launch/slurm/jobs.ts';
import type { SlurmOptions } from '../../../src/launch/slurm/options.ts';
import { slurmPlacement } from '../../../src/launch/slurm/placement.ts';
import { submit } from '../../../src/launch/submit.ts';
import { homeOf, layout } from '../../../src/record/layout.ts';
import { readRun } from '../../../src/record/read.ts';
import { readExit } from '../../../src/record/snapshot.ts';
import { states } from '../../../src/record/state.ts';
import type { Run } from '../../../src/record/types.ts';
import { buildStrata, experiment, planOf, readEventsNow, writeWorld } from '../../engine/runner-support.ts';
import { temporaryFolder } from '../../support.ts';
import { eventually, processesOf } from '../support.ts';
import { long, sameAsReference, stepsOnce } from '../whole-runs.ts';
import { killed, needsLabs, needsSlurm, type SlurmLab, slurmLab } from './lab.ts';

/* Whole runs, with real training: what comes out on Slurm is what comes out here, whatever happened on the way. */

const here = needsSlurm.skip === false;
const lab = here ? await slurmLab() : ({} as SlurmLab);
const program: Program = here ? await buildStrata('slurm') : [''];

async function world(text: string, options: SlurmOptions = {}) {
  const folder = await temporaryFolder();
  await writeWorld(folder);
  const plan = await planOf(folder, 'tiny', text);
  const place = ownPlace(homeOf(plan.experiment.file), slurmPlacement({ options, program, lookEvery: 300 }));
  return { folder, plan, place };
}
type World = Awaited<ReturnType<typeof world>>;

/** Follows as `strata run` does, until all have ended. */
async function end({ place }: World, runs: readonly Run[]): Promise<Run[]> {
  let now: Run[] = [];
  await eventually('all runs have ended', async () => {
    await place.refresh();
    now = await Promise.all(runs.map(({ folder }) => readRun(folder)));
    if (now.some(({ state }) => state === 'waiting')) await place.wake();
    return now.every(({ state }) => states[state].ended);
  });
  return now;
}

const training = ({ folder }: Run, n = 0) =>
  eventually(`attempt ${n} writes checkpoints`, () => /"checkpoint"/.test(readEventsNow(folder, n)));

const bindingOf = async ({ folder }: Run) => (await readBinding(folder, 0))!;
const arrayOf = async (run: Run) => (await bindingOf(run)).array;
const taskOf = async (run: Run) => taskName(await bindingOf(run));
const workersNow = (folder: string) => processesOf(folder, '__work');

/** Lets something happen to a training that has begun; it stands still meanwhile, so that it is not over before. */
async function midway(run: Run, act: () => Promise<unknown>): Promise<void> {
  await training(run);
  const [worker] = workersNow(run.folder);
  process.kill(worker!, 'SIGSTOP');
  await act();
  process.kill(worker!, 'SIGCONT');
}

/** The process of Slurm that holds the task of a run: the parent of its supervisor. */
function stepDaemon({ array }: { array: string }): number {
  const [supervisor] = processesOf(array, '__slurm');
  const stat = readFileSync(`/proc/${supervisor}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

test(
  'an experiment is one array under its name, children wait for their parents; results are those of a local run',
  needsSlurm,
  async () => {
    const arms =
      '  base: {}\n  s: { expand: { after: [0] }, train: [new] }\n  r: { train: [all] }\n  t: { from: s, train: [all] }';
    const text = experiment({ evaluation: 'evaluation: { tasks: [recall] }', arms });
    const there = await world(text);
    const placed = await submit(there.plan, there.place, { threads: 1, jobs: 1 });
    const runs = await end(
      there,
      placed.map(({ run }) => run),
    );
    const name = await arrayOf(runs[0]!);
    assert.match(name, /^tiny-[0-9a-f]{10}$/);
    const [base, s, r, t] = runs;
    assert.deepEqual(await Promise.all([base!, s!, r!].map(arrayOf)), [name, name, name]);
    const shown = await lab.slurm('squeue', '--me', '-h', '-t', 'all', '-n', name, '-o', '%K');
    assert.equal(shown.split('\n').length, 3, 'found by its name');
    assert.notEqual(await arrayOf(t!), name);
    await sameAsReference(program, text, runs);
  },
);

test(
  'the signal before a time limit: a checkpoint, the same task again, the same bits, each step once',
  needsSlurm,
  async () => {
    const there = await world(long);
    const [placed] = await submit(there.plan, there.place, { threads: 1 });
    const task = await taskOf(placed!.run);
    await midway(placed!.run, () => lab.slurm('scancel', '--batch', '--signal=USR1', task));
    const [run] = await end(there, [placed!.run]);
    assert.equal(run!.attempts, 2, 'it was stopped once');
    assert.equal((await readExit(run!.folder, 0))!.outcome, 'preempted');
    await stepsOnce(run!);
    await sameAsReference(program, long, [run!]);
  },
);

test('preemption: the victim writes a checkpoint and goes on when the place is free again', needsLabs, async () => {
  const there = await world(long);
  const [placed] = await submit(there.plan, there.place, { threads: 1 });
  await midway(placed!.run, () =>
    lab.slurm('sbatch', '--partition=urgent', '--exclusive', '--output=/dev/null', '--wrap=sleep 1'),
  );
  await eventually('the victim waits', async () => (await readRun(placed!.run.folder)).state === 'waiting');
  const [run] = await end(there, [placed!.run]);
  assert.equal(run!.attempts, 2);
  await stepsOnce(run!);
  await sameAsReference(program, long, [run!]);
});

test(
  'a node fails while its attempt lives on: another attempt takes over, the stale one writes nothing',
  needsSlurm,
  async () => {
    const there = await world(long);
    const [placed] = await submit(there.plan, there.place, { threads: 1 });
    const { folder } = placed!.run;
    await training(placed!.run);
    // Slurm loses every hold on the job, and the job does not notice: what a node that is cut off looks like from both sides.
    await lab.node.end('SIGKILL');
    killed(stepDaemon(await bindingOf(placed!.run)));
    const [stale, ...others] = workersNow(folder);
    assert.ok(stale !== undefined && others.length === 0, 'its worker lives on');
    process.kill(stale, 'SIGSTOP');
    const host = (await lab.slurm('sinfo', '-h', '-o', '%n')).split('\n')[0]!;
    await lab.slurm('scontrol', 'update', `nodename=${host}`, 'state=DOWN', 'reason=lab');
    // A node that comes back within the second takes the job for one that it was told to end.
    await pause(1500);
    await lab.node.start();
    const begun = async () => {
      await there.place.refresh();
      return /"checkpoint"/.test(readEventsNow(folder, 1));
    };
    await eventually('a second attempt has begun', begun, 60).catch(async (error: Error) => {
      error.message += `\n${await lab.slurm('sinfo', '-N', '-l')}\n${await lab.slurm('squeue', '-r', '-o', '%i %T %r %S')}`;
      throw error;
    });
    const written = () => readFile(join(folder, layout.metrics(0)), 'utf8');
    const before = await written();
    assert.equal(workersNow(folder).length, 2, 'both attempts live');
    process.kill(stale, 'SIGCONT');
    await eventually('the stale attempt has ended', () => !workersNow(folder).includes(stale));
    assert.equal(await written(), before, 'the stale attempt wrote no step');
    const [run] = await end(there, [placed!.run]);
    await eventually('its supervisor has told', async () => (await readExit(folder, 0)) !== undefined);
    assert.equal((await readExit(folder, 0))!.reason, 'A newer attempt took over.');
    await stepsOnce(run!);
    await sameAsReference(program, long, [run!]);
  },
);

test('a real time limit of a minute, again and again, until the run is done', needsLabs, async () => {
  const text = long.replace('steps: 400', 'steps: 12000');
  const there = await world(text, { time: '1m', signal: 30 });
  const placed = await submit(there.plan, there.place, { threads: 1 });
  let runs = placed.map(({ run }) => run);
  // Each wait ends after 20 s.
  for (let i = 0; i < 20 && !states[runs[0]!.state].ended; i++)
    runs = await end(there, runs).catch(() => Promise.all(runs.map(({ folder }) => readRun(folder))));
  assert.ok(runs[0]!.attempts > 1, `${runs[0]!.attempts} attempts`);
  await stepsOnce(runs[0]!);
  await sameAsReference(program, text, runs);
});
