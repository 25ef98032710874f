import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Order } from '../../../src/launch/place.ts';
import type { Program } from '../../../src/launch/program.ts';
import { Connection } from '../../../src/launch/remote/connection.ts';
import { pipeHost } from '../../../src/launch/remote/pipe.ts';
import { layout } from '../../../src/record/layout.ts';
import { identify } from '../../../src/record/platform.ts';
import { readExit, readWorker } from '../../../src/record/snapshot.ts';
import type { Behaviour } from '../program.ts';
import { eventually, order, processesOf, until, workersOf } from '../support.ts';
import { openLab } from './support.ts';

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const lab = await openLab();
const machine = await lab.machine();
const local = { kind: 'local' } as const;
const open = (agent: Program = machine.agent) =>
  Connection.open(pipeHost('there', agent, machine.root), { interactive: false });
const connection = await open();
after(() => connection.kill());
const folderOf = (id: string) => join(machine.home.runs, id);

let count = 0;
async function start(behaviour: Behaviour, through = connection): Promise<Order> {
  const n = ++count;
  const one = order(`demo-s-${n}-${String(n).padStart(8, '0')}`, behaviour);
  await through.value('start', { orders: [one], token: crypto.randomUUID(), placement: local, jobs: 20 });
  return one;
}
const status = async (id: string) => (await connection.value('status', { runs: [id] })).runs[0]!;
const resume = (run: string, through = connection, token: string = crypto.randomUUID()) =>
  through.value('resume', { run, token, placement: local });
/** Waits until the run's n-th worker has begun. */
const atWork = (id: string, n = 1) =>
  eventually(`worker ${n} of ${id} is at work`, () => {
    return existsSync(join(folderOf(id), 'workers.log')) && workersOf(folderOf(id)) === n;
  });
const workerPid = async (id: string) => (await readWorker(folderOf(id), 0))!.worker.pid;

test('the worker is killed: failed with the reason; the same token resumes once', options, async () => {
  const { id } = await start({});
  await atWork(id);
  process.kill(await workerPid(id), 'SIGKILL');
  const failed = await until(folderOf(id), 'failed');
  assert.match(failed.reason ?? '', /killed by SIGKILL/);
  const token = crypto.randomUUID();
  assert.equal((await resume(id, connection, token)).outcome, 'resumed');
  assert.equal((await resume(id, connection, token)).outcome, 'already');
  await atWork(id, 2);
  await connection.value('cancel', { run: id, graceMs: 200 });
  assert.equal((await resume(id, connection, token)).outcome, 'already', 'also after that attempt has ended');
  assert.equal(workersOf(folderOf(id)), 2);
});

test('the supervisor is killed: an orphan that is not started twice, and can be canceled', options, async () => {
  const { id } = await start({ deaf: true });
  await atWork(id);
  process.kill(processesOf(folderOf(id), '__supervise')[0]!, 'SIGKILL');
  await until(folderOf(id), 'orphaned');
  assert.equal((await status(id)).reason, 'Its supervisor was killed; the worker goes on.');
  assert.equal((await resume(id)).outcome, 'already');
  assert.equal((await connection.value('cancel', { run: id, graceMs: 200 })).state, 'canceled');
  assert.equal(workersOf(folderOf(id)), 1);
  assert.deepEqual(processesOf(folderOf(id)), []);
});

test('a worker that ignores TERM, with a child that escaped: nothing is left after a cancel', options, async () => {
  const { id } = await start({ deaf: true, escape: true });
  await eventually('the child has escaped', () => existsSync(join(folderOf(id), 'escaped')));
  const escaped = Number(readFileSync(join(folderOf(id), 'escaped'), 'utf8'));
  const worker = await workerPid(id);
  assert.ok(identify(escaped) && identify(worker));
  // With the labs it has the time that it has for a person; then nothing may be left after 15 s.
  const patient = process.env['STRATA_LABS'] === '1';
  const began = performance.now();
  const canceled = await connection.value('cancel', { run: id, ...(!patient && { graceMs: 500 }) });
  assert.equal(canceled.state, 'canceled');
  assert.ok(performance.now() - began < 15_000, 'nothing is left after 15 s');
  assert.equal((await readExit(folderOf(id), 0))?.signal, 'SIGKILL', 'TERM was not enough');
  assert.equal(identify(escaped), undefined);
  assert.equal(identify(worker), undefined);
});

test('the agent ends with its connection; what it started lives on', options, async () => {
  const other = await open();
  const { id } = await start({}, other);
  await until(folderOf(id), 'running');
  const { pid } = other.hello;
  assert.ok(identify(pid));
  other.kill();
  await eventually('the agent has ended', () => identify(pid) === undefined);
  assert.equal((await status(id)).state, 'running');
  await connection.value('cancel', { run: id, graceMs: 200 });
});

/** The agent in a mount namespace with another boot id: what it sees after the machine was restarted. */
function afterRestart(file: string): Program {
  const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, file, ...machine.agent] as unknown as Program;
}
const root = process.platform === 'linux' && process.getuid?.() === 0;

test('the machine is restarted: lost, with the reason; resumed once on the new boot', {
  skip: root ? false : 'a boot id can be changed by root on Linux only',
}, async (t) => {
  const { id } = await start({});
  await atWork(id);
  // A power cut ends everything at once, the dispatcher of the runs before it too.
  const living = () => [...processesOf(machine.home.runs), ...processesOf(machine.root, '__dispatch')];
  for (const pid of living()) process.kill(pid, 'SIGKILL');
  await eventually('nothing runs any more', () => living().length === 0);
  const boot = join(lab.folder, 'boot_id');
  await writeFile(boot, '11111111-2222-3333-4444-555555555555\n');
  const restarted = await open(afterRestart(boot)).catch((error: Error) => error);
  if (restarted instanceof Error) return t.skip(`no mount namespace: ${restarted.message}`);
  assert.equal(restarted.hello.boot, '11111111-2222-3333-4444-555555555555');
  const { runs } = await restarted.value('status', { runs: [id] });
  assert.deepEqual([runs[0]!.state, runs[0]!.reason], ['lost', 'The machine was restarted.']);
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => resume(id, restarted)));
  assert.equal(outcomes.filter(({ outcome }) => outcome === 'resumed').length, 1);
  await eventually('its worker lives', () => workersOf(folderOf(id)) === 2);
  assert.equal((await restarted.value('cancel', { run: id, graceMs: 200 })).state, 'canceled');
  assert.equal(workersOf(folderOf(id)), 2);
  assert.equal((await readExit(folderOf(id), 1))?.outcome, 'canceled');
  assert.equal(readdirSync(folderOf(id)).includes(layout.exit(0)), false, 'the lost attempt has no end of its own');
  restarted.kill();
});
