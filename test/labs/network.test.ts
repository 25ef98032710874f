import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { type Program, pause } from '../../src/launch/program.ts';
import { remotePlace } from '../../src/launch/remote/place.ts';
import { sshHost } from '../../src/launch/ssh/host.ts';
import { submit } from '../../src/launch/submit.ts';
import { homeOf, layout } from '../../src/record/layout.ts';
import { readRun, readSteps } from '../../src/record/read.ts';
import { buildStrata, planOf, readEventsNow, writeWorld } from '../engine/runner-support.ts';
import { differences } from '../launch/remote/support.ts';
import { far } from '../launch/ssh/far.ts';
import { eventually, processesOf, until, workersOf } from '../launch/support.ts';
import { long, sameAsReference, stepsOnce } from '../launch/whole-runs.ts';
import { root, temporaryFolder } from '../support.ts';
import { type HostName, type Network, needsNetwork, openNetwork } from './network.ts';

/*
 * Several machines with a real network between them: what happens to packets, to power and on the way through jump hosts.
 */

const here = needsNetwork.skip === false;
const network = here ? await openNetwork(3) : ({} as Network);
const program: Program = here ? await buildStrata('network') : [''];
const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

/** A host of the network under an alias of its own, with the worker that computes nothing. */
async function reach(alias: string) {
  const folder = join(network.folder, `far-${alias}`);
  await mkdir(folder);
  const data = join(folder, 'data');
  const there = await far({ folder, home: folder, alias, settings: network.settings }, { folder: data });
  return { ...there, data };
}

/** Processes that serve a client of these data; supervisors and dispatchers are the same program with a verb. */
const helpers = (data: string) =>
  processesOf(join(data, 'bundles'), 'agent.mjs').filter((pid) => {
    const verb = (name: string) => processesOf(join(data, 'bundles'), name).includes(pid);
    return !verb('__supervise') && !verb('__dispatch');
  });

interface Fault {
  name: string;
  /** Inflicts it and returns how often it was seen to happen. `grows` waits for new bytes here. */
  inflict(host: HostName, grows: () => Promise<void>): Promise<number>;
}

const drop = (seconds: number, rules: { in?: string; out?: string }): Fault['inflict'] => {
  return async (host) => {
    network.filter(host, rules);
    await pause(seconds * 1000);
    return network.unfilter(host);
  };
};
const faults: Fault[] = [
  {
    name: 'the carrier is gone for 12 s',
    async inflict(host) {
      network.lab('cut', host);
      await pause(12_000);
      network.lab('mend', host);
      return 1;
    },
  },
  { name: 'nothing gets there for 12 s, and no end is seen', inflict: drop(12, { in: 'iifname eth0 counter drop' }) },
  { name: 'nothing comes from there for 12 s', inflict: drop(12, { out: 'oifname eth0 counter drop' }) },
  {
    name: 'every connection is reset, five times',
    async inflict(host, grows) {
      let times = 0;
      for (let i = 0; i < 5; i++) {
        await grows();
        network.filter(host, { in: 'tcp dport 22 ct state established counter reject with tcp reset' });
        await pause(1000);
        if (network.unfilter(host) > 0) times++;
      }
      return times < 5 ? 0 : times;
    },
  },
  {
    name: 'a tenth of all packets is lost each way for 15 s',
    inflict: drop(15, {
      in: 'iifname eth0 numgen random mod 10 < 1 counter drop',
      out: 'oifname eth0 numgen random mod 10 < 1 counter drop',
    }),
  },
  {
    name: 'a line of 400 kbit/s for 10 s',
    async inflict(host) {
      network.rate(host, '400kbit');
      await pause(10_000);
      return network.rate(host, undefined);
    },
  },
];

test('whatever happens to the packets while a run writes: its mirror is identical', needsNetwork, async (t) => {
  const there = await reach('h1');
  const id = 'demo-s-1-00000001';
  const [placed] = await there.place.order([there.order(id, { records: 1_000_000, every: 5, work: 1 })]);
  const { folder } = placed!.run;
  const metrics = join(folder, layout.metrics(0));
  const mirror = there.mirror();
  const grows = () => {
    const before = sizeOf(metrics);
    return eventually('bytes come', () => sizeOf(metrics) > before, 90);
  };
  for (const { name, inflict } of faults) {
    await t.test(name, async (s) => {
      await grows();
      const happened = await inflict('h1', grows);
      assert.ok(happened > 0, 'it happened');
      s.diagnostic(`seen ${happened} times`);
      await grows();
    });
  }
  await writeFile(join(there.runs, id, 'enough'), '');
  assert.equal(await mirror, undefined);
  const done = await until(folder, 'succeeded');
  assert.deepEqual(await differences(join(there.runs, done.id), folder), []);
  const steps = await readSteps(folder);
  assert.deepEqual(
    steps.map(({ step }) => step),
    steps.map((_, i) => i + 1),
  );
  assert.equal(workersOf(join(there.runs, id)), 1);
  await eventually('no helper is left there', () => helpers(there.data).length === 0);
});

test(
  'the power of the host goes and comes back: lost with the reason, resumed to the same bits, each step once',
  needsNetwork,
  async () => {
    const folder = await temporaryFolder();
    await writeWorld(folder);
    const text = long.replace('steps: 400', 'steps: 4000');
    const plan = await planOf(folder, 'tiny', text);
    const home = homeOf(plan.experiment.file);
    const data = join(network.folder, 'data-h2');
    const settings = { ...network.settings, hosts: { h2: { folder: data } } };
    const host = sshHost('h2', { settings, dist: join(root, 'dist') });
    const record = { kind: 'ssh', host: 'h2' } as const;
    // The process that keeps the mirror is the real one.
    await mkdir(join(network.folder, 'config', 'strata'), { recursive: true });
    await writeFile(join(network.folder, 'config', 'strata', 'config.yaml'), stringify(settings));
    const strata: Program = [process.execPath, join(root, 'dist', 'strata.mjs')];
    const place = remotePlace(home, { record, host, placement: { kind: 'local' }, program: strata });
    const [placed] = await submit(plan, place, { threads: 1, jobs: 1 });
    const there = join(data, 'runs', placed!.run.id);
    await eventually('it writes checkpoints', () => /"checkpoint"/.test(readEventsNow(there)), 60);
    network.lab('power', 'h2', 'off');
    await eventually('nothing is left of its processes', () => processesOf(data).length === 0);
    assert.ok(!existsSync(join(there, layout.exit(0))), 'it was in the middle');
    const state = async () => (await readRun(placed!.run.folder)).state;
    await eventually('it is shown as unreachable', async () => (await state()) === 'unreachable', 60);

    network.lab('power', 'h2', 'on');
    await eventually('it is shown as lost', async () => (await state()) === 'lost', 90);
    assert.equal((await readRun(placed!.run.folder)).reason, 'The machine was restarted.');
    assert.equal(await place.resume(await readRun(placed!.run.folder)), 'resumed');
    await eventually('it has ended', async () => (await state()) === 'succeeded', 120);
    const run = await readRun(placed!.run.folder);
    assert.equal(run.attempts, 2);
    await stepsOnce(run);
    await sameAsReference(program, text, [{ ...run, folder: there }]);
  },
);

test('a host behind two jump hosts, which cannot be reached in another way', needsNetwork, async () => {
  await network.configure('Host behind\n  HostName 10.77.0.3\n  ProxyJump h1,h2\n');
  network.filter('h2', { in: 'ip saddr 10.77.0.100 counter drop' });
  network.filter('h3', { in: 'ip saddr { 10.77.0.100, 10.77.0.1 } counter drop' });
  const { program: ssh, config } = network.settings.ssh!;
  assert.throws(() => execFileSync(ssh!, ['-F', config!, 'h3', 'true'], { stdio: 'pipe' }), 'not directly');
  const there = await reach('behind');
  const id = 'demo-s-2-00000002';
  const [placed] = await there.place.order([there.order(id, { records: 60, every: 5, work: 1 })]);
  assert.equal(await there.mirror(), undefined);
  await until(placed!.run.folder, 'succeeded');
  assert.deepEqual(await differences(join(there.runs, id), placed!.run.folder), []);
  assert.ok(network.unfilter('h3') > 0, 'the way that was tried first is closed');
  network.unfilter('h2');
});
