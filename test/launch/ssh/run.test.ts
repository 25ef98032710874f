import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { layout } from '../../../src/record/layout.ts';
import { readRun, readSteps } from '../../../src/record/read.ts';
import { differences } from '../remote/support.ts';
import { eventually, onSmallDisk, processesOf, until, workersOf } from '../support.ts';
import { type Far, far } from './far.ts';
import { lab, labProcesses, needsSshd } from './lab.ts';
import { preload } from './preload.ts';

const sizeOf = (file: string): number => (existsSync(file) ? readFileSync(file).length : 0);
const grows = (file: string) => {
  const before = sizeOf(file);
  return eventually(`${file} grows`, () => sizeOf(file) > before);
};

/** The run's files here are those there, and every step is counted once. */
async function identical({ runs }: Far, folder: string, id: string): Promise<void> {
  assert.deepEqual(await differences(join(runs, id), folder), []);
  const steps = await readSteps(folder);
  assert.deepEqual(
    steps.map(({ step }) => step),
    steps.map((_, i) => i + 1),
  );
  assert.equal(workersOf(join(runs, id)), 1, 'one worker');
}

test(
  'a run survives kill -9 of the ssh master, of the whole server and of its connections; its mirror stays exact',
  needsSshd,
  async () => {
    const host = await lab({ node: true, profile: 'echo noise\n', client: ['  RemoteCommand tmux'] });
    const there = await far(host);
    const id = 'demo-s-1-00000001';
    const [placed] = await there.place.order([there.order(id, { records: 100_000, every: 10, work: 1 })]);
    const { folder } = placed!.run;
    const mirror = there.mirror();
    const metrics = join(folder, layout.metrics(0));
    await grows(metrics);

    const masters = processesOf(join(host.folder, 'r', 'strata'));
    assert.ok(masters.length > 0, 'the connection is shared');
    for (const pid of masters) process.kill(pid, 'SIGKILL');
    await eventually('another master is there', () => {
      const now = processesOf(join(host.folder, 'r', 'strata'));
      return now.length > 0 && !now.some((pid) => masters.includes(pid));
    });
    await grows(metrics);

    for (const pid of host.servers()) process.kill(pid, 'SIGKILL');
    await eventually('the server is dead', () => host.servers().length === 0);
    await eventually('it is shown as unreachable', async () => (await readRun(folder)).state === 'unreachable');
    assert.ok(labProcesses(host.folder, '__work').length > 0, 'its worker goes on');
    await host.up();
    await grows(metrics);
    assert.equal((await readRun(folder)).state, 'running');

    await writeFile(join(there.runs, id, 'enough'), '');
    assert.equal(await mirror, undefined);
    await until(folder, 'succeeded');
    await identical(there, folder, id);
    await eventually('no helper is left there', () => labProcesses(host.folder, 'agent.mjs').length === 0);
  },
);

test('a host whose clock is an hour ahead: the same run, the same steps', needsSshd, async (t) => {
  const host = await lab({ node: true });
  const wrong = await preload(host.folder, 'ahead', ahead);
  if ('lack' in wrong) return t.skip(`no C compiler makes the clock wrong: ${wrong.lack}`);
  const there = await far(host, { setup: [wrong.line] });
  const id = 'demo-s-1-00000001';
  const [placed] = await there.place.order([there.order(id, { records: 60, every: 20, work: 1 })]);
  const { folder } = placed!.run;
  assert.equal(await there.mirror(), undefined);
  const done = await until(folder, 'succeeded');
  const exit = JSON.parse(await readFile(join(folder, layout.exit(0)), 'utf8')) as { time: number };
  assert.ok(exit.time - Date.now() > 3_500_000, 'the fault happened: it ended in an hour');
  await identical(there, folder, done.id);
});

/** The wall clock an hour ahead for one process and its children; monotonic clocks go right. */
const ahead = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <sys/time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int r = real(id, t);
  if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) t->tv_sec += 3600;
  return r;
}
int gettimeofday(struct timeval *restrict t, void *restrict z) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
  int r = real(t, z);
  t->tv_sec += 3600;
  return r;
}
time_t time(time_t *p) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (p) *p = t.tv_sec;
  return t.tv_sec;
}
`;

test(
  'the disk of the host fills up while a run is at work: its end is recorded there, told here, and says why',
  needsSshd,
  async (t) => {
    await onSmallDisk(t, 400, async (disk) => {
      const host = await lab({ node: true });
      const there = await far(host, { folder: join(disk, 'strata') });
      const id = 'demo-s-1-00000001';
      const [placed] = await there.place.order([there.order(id, { fill: true })]);
      const { folder } = placed!.run;
      assert.equal(await there.mirror(), undefined);
      const failed = await until(folder, 'failed');
      assert.match(failed.reason ?? '', /disk|space/i);
    });
  },
);
