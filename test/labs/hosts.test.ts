import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { attempt } from '../../src/base/problem.ts';
import { layout } from '../../src/record/layout.ts';
import { readExit } from '../../src/record/snapshot.ts';
import { far } from '../launch/ssh/far.ts';
import { lab, needsSshd } from '../launch/ssh/lab.ts';
import { preload } from '../launch/ssh/preload.ts';
import { onSmallDisk, until } from '../launch/support.ts';

/*
 * Hosts whose disks are not as they should be.
 */

test('a home that cannot be written: refused with the remedy, and with it the run is as everywhere', needsSshd, (t) =>
  onSmallDisk(t, 16, async (disk) => {
    await writeFile(join(disk, '.bashrc'), '');
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    await assert.rejects(writeFile(join(disk, 'x'), ''), /EROFS/, 'the fault is there');
    const host = await lab({ node: true, home: disk });
    const { place, order } = await far(host);
    const refused = await attempt(() => place.order([order('demo-s-1-00000001', { work: 1 })]));
    assert.ok(!refused.ok);
    assert.equal(refused.problem.code, 'host-unsuitable');
    assert.match(refused.problem.message, /cannot be written/);
    assert.match(refused.problem.remedy ?? '', new RegExp(`hosts\\.${host.alias}\\.folder`));

    // What the remedy says.
    const other = join(host.folder, 'other');
    await mkdir(other);
    const there = await far({ ...host, folder: other }, { folder: join(other, 'strata') });
    const [placed] = await there.place.order([there.order('demo-s-2-00000002', { records: 60, every: 5, work: 1 })]);
    assert.equal(await there.mirror(), undefined);
    await until(placed!.run.folder, 'succeeded');
  }),
);

/** Writes to the file `ballast` fail as they do beyond a quota, after a mebibyte. */
const quota = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static size_t written;
static int beyond(int fd, size_t n) {
  char link[64], name[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, name, sizeof name - 1);
  if (length < 8) return 0;
  name[length] = 0;
  if (strcmp(name + length - 8, "/ballast") != 0) return 0;
  written += n;
  return written > 1048576;
}
ssize_t write(int fd, const void *bytes, size_t n) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "write");
  if (beyond(fd, n)) { errno = EDQUOT; return -1; }
  return real(fd, bytes, n);
}
`;

test(
  'a quota that is used up while a run is at work: its end is recorded, told here, and says why',
  needsSshd,
  async (t) => {
    const host = await lab({ node: true });
    const wrong = await preload(host.folder, 'quota', quota);
    if ('lack' in wrong) return t.skip(`no C compiler makes a quota: ${wrong.lack}`);
    const there = await far(host, { setup: [wrong.line] });
    const id = 'demo-s-1-00000001';
    const [placed] = await there.place.order([there.order(id, { fill: true })]);
    assert.equal(await there.mirror(), undefined);
    const failed = await until(placed!.run.folder, 'failed');
    assert.match(failed.reason ?? '', /quota|no space is left/);
    assert.equal(await readFile(join(there.runs, id, layout.stderr(0)), 'utf8'), 'disk: EDQUOT\n', 'it happened');
    assert.equal((await readExit(placed!.run.folder, 0))?.by, 'supervisor');
  },
);
