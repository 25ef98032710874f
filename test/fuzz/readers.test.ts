import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, describe, test } from 'node:test';
import { buildWorker, fuzz } from './fuzz.ts';
import { readers } from './readers.ts';

/** Recorded: the same changed files in every run. `npm run fuzz` looks further. */
const seed = 20_260_101;
const count = 2000;

const worker = await buildWorker();
after(() => rm(worker, { force: true }));

describe(`${count} changed files for each reader: read, or refused with sentence, place and remedy; in time and memory`, {
  concurrency: 2,
}, () => {
  for (const { name } of readers) {
    test(name, async (t) => {
      const { cases, refused, found } = await fuzz(worker, name, { count, seed });
      assert.deepEqual(found, []);
      assert.equal(cases, count);
      t.diagnostic(`${refused} of ${cases} refused`);
    });
  }
});

describe('what the fuzzer is there to find, it finds', { concurrency: 2 }, () => {
  const faults: [string, RegExp][] = [
    ['faulty-throws', /TypeError: x is not a function/],
    ['faulty-says-nothing', /no remedy: invalid-x/],
    ['faulty-hangs', /no end after 300 ms/],
    ['faulty-waits', /no end after 300 ms/],
    ['faulty-hungry', /\d+ MiB for a file of/],
    ['faulty-starved', /heap out of memory|ended with SIGABRT/],
    ['faulty-dies', /ended with SIGKILL/],
  ];
  for (const [name, reason] of faults) {
    test(name, async () => {
      const limit = /hangs|waits/.test(name) ? 300 : 10_000;
      const { found } = await fuzz(worker, name, { count: 3, seed, limit, heap: 64 });
      assert.equal(found.length, 1);
      assert.match(found[0]!.reason, reason);
    });
  }
});
