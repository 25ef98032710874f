import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Order } from '../../../src/launch/place.ts';
import { Connection } from '../../../src/launch/remote/connection.ts';
import { pipeHost } from '../../../src/launch/remote/pipe.ts';
import { order, until } from '../support.ts';
import { openLab } from './support.ts';

const options = { skip: process.platform === 'linux' ? false : 'processes are looked at through /proc' };
const lab = await openLab();
const token = () => crypto.randomUUID();
const local = { kind: 'local' } as const;

test('an agent over a pipe starts a run, tells its state, and lists it', options, async () => {
  const machine = await lab.machine('one');
  const connection = await Connection.open(pipeHost('one', machine.agent, machine.root), { interactive: false });
  assert.equal(connection.root, machine.root);
  const orders: Order[] = [order('demo-s-1-00000001', { records: 50, work: 10 })];
  const { started } = await connection.value('start', { orders, token: token(), placement: local });
  assert.deepEqual([started[0]!.outcome, started[0]!.run.id], ['started', 'demo-s-1-00000001']);
  const done = await until(join(machine.home.runs, 'demo-s-1-00000001'), 'succeeded');
  const { runs, missing } = await connection.value('status', { runs: ['demo-s-1-00000001', 'demo-s-2-00000002'] });
  assert.deepEqual([runs.map((r) => [r.state, r.step]), missing], [[['succeeded', 50]], ['demo-s-2-00000002']]);
  assert.deepEqual(
    (await connection.value('list', {})).runs.map((r) => [r.id, r.arm, r.experiment]),
    [['demo-s-1-00000001', orders[0]!.request.arm, 'demo']],
  );
  await connection.close();
  assert.ok(existsSync(done.folder));
  assert.equal(readFileSync(join(done.folder, 'workers.log'), 'utf8').split('\n').length, 2);
});
