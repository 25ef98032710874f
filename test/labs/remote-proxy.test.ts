import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { keepMirrors } from '../../src/launch/remote/mirror.ts';
import { remotePlace } from '../../src/launch/remote/place.ts';
import { home, layout } from '../../src/record/layout.ts';
import { readSteps } from '../../src/record/read.ts';
import { differences, type FaultProxy, openDoor, openLab, openProxy } from '../launch/remote/support.ts';
import { tcpHost } from '../launch/remote/tcp-host.ts';
import { eventually, order, until } from '../launch/support.ts';
import { needs, root } from '../support.ts';
import { writeTinyModel } from '../tiny-model.ts';

/*
 * Real TCP connections through a proxy that breaks them (`labs/faultproxy.mjs`): resets, ends, silence, lost bytes, a slow line.
 */

const script = join(root, '..', 'shared', 'labs', 'faultproxy.mjs');
const options = needs('shared', existsSync(script), 'the fault proxy (../shared/labs) is not here');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const lab = await openLab();
const model = await writeTinyModel(join(lab.folder, 'base'));
const record = { kind: 'ssh', host: 'gpu-box' } as const;

interface Fault {
  name: string;
  /** Carries the fault out while the runs write; `have` counts the bytes that are here. */
  inflict(proxy: FaultProxy, have: () => number): Promise<void>;
  /** What the proxy must have counted, so that the fault is known to have happened. */
  happened(stat: Record<string, number>, connections: number): boolean;
}

const faults: Fault[] = [
  {
    name: 'reset five times, ended once',
    async inflict(proxy, have) {
      for (let resets = 0, before = 0; resets < 5; ) {
        before = have();
        await eventually('bytes come again', () => have() > before);
        if (resets === 3) await proxy.set({ do: 'fin' });
        // Bytes that were under way may come while no connection is open yet.
        resets = (await proxy.set({ do: 'rst' })).stat['rst'] ?? 0;
      }
    },
    happened: ({ rst }, connections) => (rst ?? 0) >= 5 && connections >= 7,
  },
  {
    name: 'cut in the middle of frames',
    async inflict(proxy, have) {
      for (const cutAfter of [3000, 777, 5001, 12_345]) {
        await proxy.set({ cutAfter });
        await proxy.set({ do: 'rst' });
        const before = have();
        await eventually('bytes come again', () => have() > before);
      }
    },
    happened: ({ rst }, connections) => (rst ?? 0) >= 6 && connections >= 6,
  },
  {
    name: 'silent on the way back for 12 s',
    async inflict(proxy) {
      await proxy.set({ down: 'stall' });
      await pause(12_000);
      await proxy.set({ down: 'pass' });
    },
    happened: (_stat, connections) => connections >= 2,
  },
  {
    name: 'bytes lost on the way back',
    async inflict(proxy, have) {
      for (let k = 0; k < 3; k++) {
        await proxy.set({ down: 'drop' });
        await pause(300);
        await proxy.set({ down: 'pass' });
        const before = have();
        await eventually('bytes come again', () => have() > before);
      }
    },
    happened: ({ dropped }) => (dropped ?? 0) > 0,
  },
  {
    name: 'a line of 400 kbit/s with 100 ms each way',
    async inflict(proxy) {
      await proxy.set({ rateBps: 50_000, latencyMs: 100, jitterMs: 20 });
      await pause(8_000);
    },
    happened: (_stat, connections) => connections === 1,
  },
];

for (const [i, { name, inflict, happened }] of faults.entries()) {
  test(name, options, async () => {
    const machine = await lab.machine(`there-${i}`);
    const here = home(join(lab.folder, `here-${i}`, '.strata'));
    const door = await openDoor(machine);
    const proxy = await openProxy(script, door.port);
    const direct = tcpHost('gpu-box', door.port, machine.root);
    const place = remotePlace(here, { record, host: direct, placement: { kind: 'local' }, program: lab.program });
    const orders = [1, 2].map((n) => {
      const one = order(`fault${i}-s-${n}-0000000${n}`, { records: 1_000_000, every: 5, work: 1 });
      return { ...one, request: { ...one.request, sources: { model } } };
    });
    const placed = await place.order(orders, { jobs: 2 });
    const before = door.connections;
    const mirror = keepMirrors(here, record, tcpHost('gpu-box', proxy.port, machine.root));
    const folders = placed.map(({ run }) => run.folder);
    const have = () => {
      const path = join(folders[0]!, layout.metrics(0));
      return existsSync(path) ? readFileSync(path).length : 0;
    };
    await eventually('the first bytes are here', () => have() > 0);
    await inflict(proxy, have);
    for (const folder of folders) await writeFile(join(machine.home.runs, basename(folder), 'enough'), '');
    assert.equal(await mirror, undefined);
    const { stat } = await proxy.set({});
    const connections = door.connections - before;
    assert.ok(happened(stat, connections), `it happened: ${JSON.stringify({ stat, connections })}`);
    for (const folder of folders) {
      const done = await until(folder, 'succeeded');
      assert.deepEqual(await differences(join(machine.home.runs, done.id), folder), []);
      const steps = (await readSteps(folder)).map(({ step }) => step);
      assert.deepEqual(
        steps,
        Array.from({ length: steps.length }, (_, k) => k + 1),
      );
    }
    await eventually('no helper is left', () => door.agents().length === 0);
  });
}
