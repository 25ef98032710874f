import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { random } from '../../../src/base/random.ts';
import type { Order } from '../../../src/launch/place.ts';
import { withContact } from '../../../src/launch/remote/contact.ts';
import { pipeHost } from '../../../src/launch/remote/pipe.ts';
import { eventually, order, until, workersOf } from '../support.ts';
import { type FaultyHost, faultyHost } from './faults.ts';
import { openLab } from './support.ts';

/*
 * Starts that go wrong on the way: whatever is lost, exactly one worker is started for each run. A short part runs with every
 * test; `npm run test:labs` runs all 200.
 */

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const all = process.env['STRATA_LABS'] === '1';
const lab = await openLab();
const machine = await lab.machine();
const direct = pipeHost('there', machine.agent, machine.root);
const seeded = random('starts', 1);

let count = 0;
function nextOrder(work = 10): Order {
  const n = ++count;
  return order(`demo-s-${n}-${String(n).padStart(8, '0')}`, { work, whole: true });
}

/** Asks for a run as a place does: with one token, again until there is an answer. */
function start(host: FaultyHost | typeof direct, one: Order, token: string = crypto.randomUUID()) {
  const contact = { interactive: false, limitMs: 60_000 };
  return withContact(host, contact, async (connection) => {
    const { started } = await connection.value('start', { orders: [one], token, placement: { kind: 'local' } });
    return started[0]!;
  });
}

async function startedOnce(id: string): Promise<void> {
  await until(join(machine.home.runs, id), 'succeeded');
  assert.equal(workersOf(join(machine.home.runs, id)), 1, `${id}: workers`);
}

test('a connection that is cut at any byte of a start: one worker', options, async () => {
  const whole = faultyHost(direct);
  const first = nextOrder();
  await start(whole, first);
  await startedOnce(first.id);
  const { up, down } = whole.seen;
  const positions = all ? 64 : 10;
  const outcomes: string[] = [];
  for (let k = 0; k < positions; k++) {
    const host = faultyHost(direct);
    // Half of the cuts are on the way there, half on the way back; the last one loses nothing but the end of the answer.
    const half = positions / 2;
    const share = ((k % half) + 1) / half;
    const cut = k < half ? { up: Math.ceil((up - 1) * share) } : { down: Math.ceil((down - 1) * share) };
    host.cutNext(cut);
    const one = nextOrder();
    const { outcome } = await start(host, one);
    outcomes.push(outcome);
    assert.equal(host.seen.cuts, 1, `${JSON.stringify(cut)}: the connection was cut`);
    assert.ok(host.seen.connections > 1, 'it was asked again');
    await startedOnce(one.id);
  }
  assert.ok(outcomes.includes('started'), 'some cuts came before the start');
  assert.ok(outcomes.includes('already'), 'some cuts came after it');
});

test('a fresh version whose answers are lost is made once', options, async () => {
  const one = nextOrder();
  await start(direct, one);
  await startedOnce(one.id);
  for (let k = 0; k < (all ? 16 : 3); k++) {
    const host = faultyHost(direct);
    const learned = faultyHost(direct);
    const token = crypto.randomUUID();
    const fresh = { ...one, fresh: true };
    // The answer is lost: only what comes before it passes.
    host.cutNext({ down: 420 });
    const { run } = await start(host, fresh, token);
    assert.equal(host.seen.cuts, 1);
    const twice = await start(learned, fresh, token);
    assert.deepEqual([twice.run.id, twice.outcome], [run.id, 'already']);
    await startedOnce(run.id);
    assert.equal(run.id, `${one.id}-${k + 2}`);
  }
});

test('many clients at once: one worker', options, async () => {
  for (let round = 0; round < (all ? 3 : 1); round++) {
    const one = nextOrder(500);
    const outcomes = await Promise.all(Array.from({ length: all ? 20 : 8 }, () => start(direct, one)));
    assert.equal(outcomes.filter(({ outcome }) => outcome === 'started').length, 1);
    assert.ok(outcomes.every(({ outcome }) => outcome === 'started' || outcome === 'already'));
    await startedOnce(one.id);
  }
});

test(
  'a client that is killed at any moment: its run is started at most once, and asked for again exactly once',
  options,
  async () => {
    const [command, ...args] = lab.program;
    const file = join(lab.folder, 'orders.json');
    /** Whether a client that was to start this run was killed before it had done: after so many milliseconds at the latest. */
    const killedAfter = async (one: Order, ms: number) => {
      await writeFile(file, JSON.stringify([one]));
      const client = spawn(command, [...args, 'ask', machine.root, file], {
        stdio: 'ignore',
        env: { ...process.env, STRATA_TEST_AGENT: JSON.stringify(machine.agent) },
      });
      const timer = setTimeout(() => client.kill('SIGKILL'), ms);
      const signal = await new Promise<string | null>((resolve) => client.once('exit', (_code, by) => resolve(by)));
      clearTimeout(timer);
      return signal === 'SIGKILL';
    };
    // The moments lie within what one takes here: a fixed time is over before it on one machine, and after it on another.
    const begun = performance.now();
    assert.ok(!(await killedAfter(nextOrder(), 60_000)));
    const whole = performance.now() - begun;
    let cutShort = 0;
    const moments = all ? 60 : 4;
    for (let k = 0; k < moments; k++) {
      const one = nextOrder();
      if (await killedAfter(one, ((k + seeded.float()) / moments) * whole)) cutShort++;
      await start(direct, one);
      await startedOnce(one.id);
    }
    assert.ok(cutShort > 0, 'clients were killed before they had done');
  },
);

test('a start that is cut in the middle of its body changes nothing', options, async () => {
  const one = nextOrder();
  const host = faultyHost(direct);
  host.cutNext({ up: 400 });
  await assert.rejects(
    withContact(host, { interactive: false, limitMs: 0 }, (connection) =>
      connection.value('start', { orders: [one], token: crypto.randomUUID(), placement: { kind: 'local' } }),
    ),
    /connection to there was lost/,
  );
  assert.equal(host.seen.cuts, 1);
  await eventually('the agent has ended', () => true);
  assert.ok(!existsSync(join(machine.home.runs, one.id)));
  assert.deepEqual(readdirSync(machine.home.unfinished), []);
});
