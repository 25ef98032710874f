import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readBinding } from '../../../src/launch/slurm/arrays.ts';
import { endOf, readAccounts, readQueue, submitArguments, taskName } from '../../../src/launch/slurm/jobs.ts';
import { look } from '../../../src/launch/slurm/look.ts';
import { checkSlurm, secondsOf, signalBefore } from '../../../src/launch/slurm/options.ts';
import { createAttempt, createExit, createRun } from '../../../src/record/create.ts';
import { home, layout } from '../../../src/record/layout.ts';
import { readRun } from '../../../src/record/read.ts';
import { order } from '../../launch/support.ts';
import { temporaryFolder } from '../../support.ts';

test('durations are read as Slurm reads them', () => {
  const cases: Record<string, number> = {
    '90s': 120,
    '2h': 7200,
    '1d': 86_400,
    '30:00': 1800,
    '1:30:00': 5400,
    '1-12': Number.NaN,
    '1-12:00': 129_600,
    '1-12:00:30': 129_630,
  };
  for (const [written, seconds] of Object.entries(cases))
    if (!Number.isNaN(seconds)) assert.equal(secondsOf(written), seconds, written);
    else assert.throws(() => checkSlurm({ time: written }), /slurm\.time must be a duration/);
});

test('the signal for a checkpoint leaves a short job two thirds of its time', () => {
  assert.equal(signalBefore({}), 180);
  assert.equal(signalBefore({ time: '4h' }), 180);
  assert.equal(signalBefore({ time: '3m' }), 60);
  assert.equal(signalBefore({ time: '3m', signal: 10 }), 10);
});

test('what is asked for becomes whole arguments of sbatch; what could be anything else is refused', () => {
  const options = { partition: 'gpu', gpus: 2, cpus: 8, memory: '32G', time: '2h', parallel: 3, account: 'lab' };
  const args = submitArguments({ name: 'x-0123456789', folder: '/a b', tasks: 5, options, after: '7_1' });
  for (const wanted of [
    '--hold',
    '--requeue',
    '--export=NONE',
    '--array=0-4%3',
    '--partition=gpu',
    '--account=lab',
    '--gpus=2',
    '--cpus-per-task=8',
    '--mem=32G',
    '--time=120',
    '--signal=B:USR1@180',
    '--chdir=/a b',
    '--dependency=afterok:7_1',
    '--kill-on-invalid-dep=yes',
  ])
    assert.ok(args.includes(wanted), wanted);
  assert.ok(args.every((arg) => arg.startsWith('--')));
  for (const bad of [
    { partition: '--wrap=x' },
    { account: 'a b' },
    { gres: 'gpu;x' },
    { modules: ['a; touch x'] },
    { container: ['a\nb'] },
    { memory: '1GB' },
    { cpus: 0 },
    { wrap: 'x' },
  ])
    assert.throws(() => checkSlurm(bad), /slurm/, JSON.stringify(bad));
});

test('the queue and the accounts, by task; lines of anything else are passed over', () => {
  const queue = readQueue('12|0|RUNNING|None\n12|1|PENDING|BeginTime\n13|N/A|RUNNING|None\n\nslurm_load_jobs error\n');
  assert.deepEqual(
    [...queue.keys()],
    [0, 1].map((index) => taskName({ job: '12', index })),
  );
  assert.equal(queue.get('12_1')!.reason, 'BeginTime');
  const accounts = readAccounts('12_0|CANCELLED by 1000\n12_1|NODE_FAIL\n12_1|COMPLETED\n14|COMPLETED\n');
  assert.deepEqual([accounts.get('12_0')!.state, accounts.get('12_1')!.state], ['CANCELLED', 'COMPLETED']);
});

test('how jobs end, and that those under way have not', () => {
  const outcome = (state: string) => endOf({ state, reason: '' })?.end.outcome;
  for (const state of ['PENDING', 'RUNNING', 'COMPLETING', 'CONFIGURING', 'SUSPENDED', 'REQUEUED', 'A_NEW_ONE'])
    assert.equal(outcome(state), undefined, state);
  assert.deepEqual(['TIMEOUT', 'PREEMPTED', 'NODE_FAIL', 'CANCELLED', 'OUT_OF_MEMORY', 'FAILED'].map(outcome), [
    'preempted',
    'preempted',
    'preempted',
    'canceled',
    'failed',
    'failed',
  ]);
  assert.match(endOf(undefined)!.end.reason!, /does not know its job any more/);
});

/** A run whose attempt 0 was stopped by job 7 and whose attempt 1 waits for job 8 or again 7; Slurm says that its job is FAILED. */
async function stopped(id: string, second: string) {
  const place = home(join(folder, id, '.strata'));
  const { spec, request } = order(id, {});
  const parts = { spec, place: { kind: 'slurm' } as const, request: { ...request, asked: 1, order: 0, stages: [] } };
  assert.ok(await createRun(place, id, { ...parts, request: { ...parts.request, attempt: 0 } }));
  const run = join(place.runs, id);
  await createExit(run, 0, { outcome: 'preempted', by: 'supervisor', time: 1 });
  const bind = (n: number, job: string) =>
    writeFile(join(run, layout.slurm(n)), JSON.stringify({ array: 'demo', job, index: 0 }));
  await bind(0, '7');
  await createAttempt(run, { ...parts.request, attempt: 1 });
  await bind(1, second);
  await look(place);
  return { run: await readRun(run), binding: await readBinding(run, 1) };
}

const folder = await temporaryFolder();
const path = process.env['PATH'];
after(() => {
  process.env['PATH'] = path;
});

test('what a task shows of its attempt before, while it is started again, ends nothing', async () => {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(
    join(bin, 'squeue'),
    '#!/bin/sh\necho "7|0|FAILED|NonZeroExitCode"\necho "8|0|FAILED|NonZeroExitCode"\n',
  );
  await chmod(join(bin, 'squeue'), 0o755);
  process.env['PATH'] = `${bin}:${path}`;
  const again = await stopped('demo-s-1-00000001', '7');
  assert.equal(again.run.state, 'waiting', again.run.reason);
  assert.equal(again.binding, undefined, 'it is submitted anew');
  const own = await stopped('demo-s-2-00000002', '8');
  assert.deepEqual([own.run.state, own.run.reason], ['failed', 'Its job failed without a record of the end.']);
});
