import assert from 'node:assert/strict';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createAttempt } from '../../src/record/create.ts';
import { exitCodes } from '../../src/record/exit-codes.ts';
import { home, layout } from '../../src/record/layout.ts';
import { readMetrics } from '../../src/record/read.ts';
import { readRecord } from '../../src/record/snapshot.ts';
import type { RunRequest } from '../../src/record/types.ts';
import { type FullDisk, fullDisk, type Operation } from '../full-disk.ts';
import { temporaryFolder } from '../support.ts';
import { experiment, hashFiles, placeRuns, planOf, writeWorld } from './runner-support.ts';
import { workHere } from './work-here.ts';

/**
 * Every writing operation of a run finds the disk full once: surgery, training, checkpoints, evaluation and records. The run
 * ends with a sentence, and with room again it ends in the bytes of a run that never lacked any. All of them with
 * STRATA_FULL=1 (ten minutes), with STRATA_FULL=2/3 the second third of them; else the first of each kind of operation on each
 * kind of file.
 */
const asked = /^(?:1|(\d+)\/(\d+))$/.exec(process.env['STRATA_FULL'] ?? '');
const every = asked !== null;
const [, share = '1', shares = '1'] = asked ?? [];

const arms: Record<string, string> = {
  surgery: '  s: { expand: { after: [0, 1], init: average }, prune: { last: 1 }, train: [new] }',
  lora: '  lora: { lora: { rank: 2 } }',
  best: '  best: { train: [layers 0-1], training: { keep: { best: recall } } }',
};

const folder = await temporaryFolder();
const worldFolder = join(folder, 'world');
/** Where the runs live that are tried. */
const tried = join(folder, 'tried');
let disk: FullDisk;
before(() => {
  disk = fullDisk(tried);
});
after(() => disk.restore());

/** A copy of a run that was not started yet, in a place of its own. */
async function copyOf(run: string, name: string): Promise<string> {
  const { runs } = home(join(tried, name, '.strata'));
  const copy = join(runs, run.split('/').at(-1)!);
  await mkdir(runs, { recursive: true });
  await cp(run, copy, { recursive: true });
  return copy;
}

/** What of a run may not depend on how often it was interrupted. */
async function outcomeOf(run: string): Promise<unknown> {
  const { steps, curve, updates } = await readMetrics(run);
  return {
    files: await hashFiles(run, [layout.model, layout.start, layout.samples]),
    records: await Promise.all([layout.scores, layout.evaluated, layout.tensors].map((name) => readRecord(run, name))),
    steps: steps.map(({ wall: _w, tokens_per_second: _t, ...rest }) => rest),
    curve,
    updates,
  };
}

/** Kinds of operations that were tried, whatever the arm. */
const known = new Set<string>();

/** Numbers of the operations that are tried: all, or the first of each kind on each kind of file. */
function chosen(operations: readonly Operation[]): number[] {
  const all = operations.map((_, i) => i + 1);
  if (every) return all.filter((n) => n % Number(shares) === Number(share) % Number(shares));
  return all.filter((n) => {
    const { call, file } = operations[n - 1]!;
    const kind = `${call} ${file
      .split('/')
      .slice(4)
      .join('/')
      .replace(/\.\d+\.[0-9a-f]{8}\.part/, '.part')
      .replace(/-\d+/g, '-N')}`;
    if (known.has(kind)) return false;
    known.add(kind);
    return true;
  });
}

describe('the disk full at each write of a run', { timeout: every ? 10_800_000 : 900_000 }, () => {
  for (const [name, arm] of Object.entries(arms)) {
    test(name, async (t) => {
      const began = process.cpuUsage();
      await writeWorld(worldFolder);
      const text = experiment({
        arms: arm,
        evaluation: "evaluation: { tasks: [recall, 'perplexity:general'], every: 2 }",
      })
        .replace('steps: 40', 'steps: 4')
        .replace('checkpoint_every: 7', 'checkpoint_every: 2');
      const [placed] = await placeRuns(await planOf(worldFolder, name, text));
      const request = (await readRecord<RunRequest>(placed!.folder, layout.request(0)))!;

      const whole = await copyOf(placed!.folder, `${name}-whole`);
      disk.fullAt(Number.POSITIVE_INFINITY);
      assert.equal((await workHere(whole, 0)).code, 0);
      const wanted = await outcomeOf(whole);
      const numbers = chosen(disk.operations);
      const count = disk.operations.length;
      assert.ok(count > 60, `${count} operations`);

      for (const n of numbers) {
        const run = await copyOf(placed!.folder, `${name}-${n}`);
        disk.fullAt(n);
        const { code, said } = await workHere(run, 0);
        const { call, file } = disk.operations[n - 1]!;
        const what = `operation ${n} of ${count}, ${call} of ${file}`;
        disk.fullAt(Number.POSITIVE_INFINITY);
        assert.equal(code, exitCodes.diskFull, `${what}: exit code ${code}, ${said}`);
        assert.match(said, /no space is left/, what);
        assert.match(said, /Free some space/, what);
        assert.doesNotMatch(said, /\n\s+at /, what);
        await createAttempt(run, { ...request, attempt: 1 });
        const again = await workHere(run, 1);
        assert.equal(again.code, 0, `${what}: with room again it ends with ${again.code}, ${again.said}`);
        assert.deepEqual(await outcomeOf(run), wanted, what);
        const parts = (await readdir(run, { recursive: true })).filter((path) => path.endsWith('.part'));
        assert.deepEqual(parts, [], `${what}: what was half written is removed`);
        await rm(join(tried, `${name}-${n}`), { recursive: true });
      }
      const { user, system } = process.cpuUsage(began);
      t.diagnostic(
        `${numbers.length} of ${count} operations, ${((user + system) / 1e6).toFixed(0)} s of processor time`,
      );
    });
  }
});
