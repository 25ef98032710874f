import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { silent } from '../../../src/base/log.ts';
import { asExperimentPath } from '../../../src/extension/experiment-path.ts';
import { planSummary } from '../../../src/extension/plan-summary.ts';
import { failure, programOf, runVerb } from '../../../src/extension/program.ts';
import { coalesced } from '../../../src/extension/restart.ts';
import { temporaryFolder } from '../../support.ts';

test('the plan summary counts what is still to be computed, and its time', () => {
  const arm = (name: string, seconds: number | undefined, ...runs: string[]) => ({ name, estimate: { seconds }, runs });
  const runs = ['a', 'b', 'c'].map((id, i) => ({ id, state: i === 0 ? 'finished' : 'new' }));
  const text = (...arms: object[]) => JSON.stringify({ arms, runs });
  assert.deepEqual(planSummary(text(arm('x', 10, 'a', 'b'), arm('y', 5, 'c'))), {
    runs: 2,
    finished: 1,
    seconds: 15,
    pending: [],
  });
  assert.equal(planSummary(text(arm('x', undefined, 'b'))).seconds, undefined);
  assert.deepEqual(planSummary(text({ ...arm('x', 1), pending: 'waits' })).pending, ['x']);
});

for (const [chosen, written] of [
  ['/a/mine', '/a/mine.strata.yaml'],
  ['/a/mine.yaml', '/a/mine.strata.yaml'],
  ['/a/mine.yml', '/a/mine.strata.yml'],
  ['/a/mine.strata', '/a/mine.strata.yaml'],
  ['/a/mine.strata.yaml', '/a/mine.strata.yaml'],
  ['/a.strata.yaml/mine.v2', '/a.strata.yaml/mine.v2.strata.yaml'],
] as const)
  test(`a new experiment that is to be ${chosen} is ${written}`, () => {
    assert.equal(asExperimentPath(chosen), written);
  });

test("the program is the editor's Node acting as Node, or the one that the user names", () => {
  assert.deepEqual(programOf('/s.mjs', '', '/electron'), {
    command: '/electron',
    args: ['/s.mjs'],
    env: { ELECTRON_RUN_AS_NODE: '1' },
  });
  assert.deepEqual(programOf('/s.mjs', '/usr/bin/node'), { command: '/usr/bin/node', args: ['/s.mjs'], env: {} });
});

async function script(text: string) {
  const folder = await temporaryFolder();
  const file = join(folder, 'program.mjs');
  await writeFile(file, text);
  return { folder, program: programOf(file, process.execPath) };
}

test('a verb runs to its end with what it printed; it has no input to wait for', async () => {
  const { folder, program } = await script(
    'process.stdin.on("data", () => {}); process.stdin.on("end", () => { console.log(process.argv.slice(2).join()); console.error("strata: a reason"); process.exitCode = 3; });',
  );
  const finished = await runVerb(program, ['x', 'y'], { cwd: folder, log: silent });
  assert.deepEqual(finished, { code: 3, stdout: 'x,y\n', stderr: 'strata: a reason\n' });
  assert.equal(failure(finished), 'a reason');
});

test('a program that cannot be started is a failure with a reason, never an exception', async () => {
  const folder = await temporaryFolder();
  const finished = await runVerb(programOf('x', '/no/such/node'), [], { cwd: folder, log: silent });
  assert.equal(finished.code, 127);
  assert.match(failure(finished), /ENOENT/);
});

test('a verb that is given up ends', async () => {
  const { folder, program } = await script('setInterval(() => {}, 1000)');
  const controller = new AbortController();
  const running = runVerb(program, [], { cwd: folder, log: silent, signal: controller.signal });
  controller.abort();
  assert.equal((await running).code, 130);
});

test('restarts that are asked for while one is under way become one more', async () => {
  let starts = 0;
  const gates: (() => void)[] = [];
  const restart = coalesced(async () => {
    starts++;
    await new Promise<void>((resolve) => gates.push(resolve));
  });
  const first = restart();
  const more = [restart(), restart(), restart()];
  assert.equal(starts, 1);
  gates.shift()!();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(starts, 2);
  gates.shift()!();
  await Promise.all(more);
  assert.equal(starts, 2);
});

test('a restart that fails does not keep the next one from starting', async () => {
  let starts = 0;
  const restart = coalesced(async () => {
    if (++starts === 1) throw new Error('no');
  });
  const failing = restart();
  const next = restart();
  await assert.rejects(failing);
  await next;
  assert.equal(starts, 2);
});
