import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { random } from '../../src/base/random.ts';
import type { Program } from '../../src/launch/program.ts';
import { createAttempt } from '../../src/record/create.ts';
import { layout } from '../../src/record/layout.ts';
import { readMetrics } from '../../src/record/read.ts';
import type { Run } from '../../src/record/types.ts';
import { temporaryFolder } from '../support.ts';
import {
  buildStrata,
  experiment,
  hashFiles,
  placeRuns,
  planOf,
  readEventsNow,
  startWorker,
  work,
  writeWorld,
} from './runner-support.ts';

const steps = 40;
const arms = `
  s: { expand: { after: [0, 1], init: average }, prune: { last: 1 }, train: [new] }
  lora: { expand: { after: [1], init: copy }, lora: { rank: 2, targets: all_linear, layers: [0, 1] }, train: [new] }`;

/** What must come out the same, however often the run was cut off: weights, proofs, scores, samples, records but for time. */
async function result(folder: string) {
  const { steps, curve, updates } = await readMetrics(folder);
  return {
    files: await hashFiles(folder, [layout.model, layout.start, layout.samples]),
    tensors: await readFile(join(folder, layout.tensors), 'utf8'),
    scores: await readFile(join(folder, layout.scores), 'utf8'),
    evaluated: await readFile(join(folder, layout.evaluated), 'utf8'),
    steps: steps.map(({ wall: _wall, tokens_per_second: _speed, ...record }) => record),
    updates,
    curve: curve.toSorted((a, b) => a.step - b.step || `${a.task} ${a.metric}`.localeCompare(`${b.task} ${b.metric}`)),
  };
}

type Kill = (run: Run, kill: () => void) => void;
const draw = random('kill', 1);
const between = (low: number, high: number) => low + draw.below(high - low + 1);

/** Calls `then` as soon as `holds`; looks every millisecond. */
function when(holds: () => boolean, then: () => void): void {
  const timer = setInterval(() => {
    if (!holds()) return;
    clearInterval(timer);
    then();
  }, 1);
  timer.unref();
}
const lines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0);

/** Moments of each kind; which one is drawn. */
const moments: Record<string, () => Kill> = {
  surgery() {
    const delay = between(0, 150);
    return ({ folder }, kill) =>
      when(
        () => readEventsNow(folder).includes('"surgery"'),
        () => setTimeout(kill, delay),
      );
  },
  training() {
    const after = between(1, steps - 2);
    return ({ folder }, kill) => when(() => lines(join(folder, layout.metrics(0))) > after, kill);
  },
  checkpoint() {
    const nth = between(1, 5);
    return ({ folder }, kill) => {
      const checkpoints = join(folder, layout.checkpoint);
      mkdirSync(checkpoints);
      const seen = new Set<string>();
      const watcher = watch(checkpoints, { persistent: false }, (_event, name) => {
        if (name?.endsWith('.part')) seen.add(name);
        if (seen.size < nth) return;
        watcher.close();
        kill();
      });
    };
  },
  evaluation() {
    const files = between(0, 2);
    return ({ folder }, kill) =>
      when(
        () =>
          readEventsNow(folder).includes('"evaluate"') &&
          (files === 0 ||
            (existsSync(join(folder, layout.samples)) && readdirSync(join(folder, layout.samples)).length >= files)),
        kill,
      );
  },
};

async function killedAndResumed(program: Program, run: Run, kill: Kill) {
  const { child, ended } = startWorker(program, run.folder, 0);
  kill(run, () => child.kill('SIGKILL'));
  const { signal } = await ended;
  const left = { signal, finished: existsSync(join(run.folder, layout.result(0))), events: readEventsNow(run.folder) };
  await createAttempt(run.folder, { ...run.request, attempt: 1 });
  const again = await work(program, run.folder, 1);
  assert.equal(again.code, 0, again.stderr);
  return left;
}

test('killed at 20 seeded moments and resumed, a run ends bit for bit as an uninterrupted one', {
  timeout: 180_000,
}, async () => {
  const folder = await temporaryFolder();
  const program = await buildStrata('runner-resume');
  await writeWorld(folder);
  const plan = await planOf(folder, 'tiny', experiment({ arms }));
  const references = await placeRuns(plan);
  const expected = await Promise.all(
    references.map(async (run) => {
      const { code, stderr } = await work(program, run.folder);
      assert.equal(code, 0, stderr);
      return result(run.folder);
    }),
  );
  assert.deepEqual(
    expected.map((e) => e.steps.length),
    [steps, steps],
  );
  assert.deepEqual(
    expected.map((e) => Object.keys(e.files).filter((f) => f.startsWith('samples')).length),
    [3, 3],
  );

  const names = Object.keys(moments);
  const hits = new Map<string, number>();
  for (let k = 0; k < 10; k++) {
    const runs = await placeRuns(plan, true);
    // Both arms at once, one on each core.
    await Promise.all(
      runs.map(async (run, arm) => {
        const name = names[(2 * k + arm + Math.floor(k / 2)) % names.length]!;
        const left = await killedAndResumed(program, run, moments[name]!());
        const label = `moment ${k} (${name}) of ${run.id}`;
        assert.equal(left.signal, 'SIGKILL', `${label} was hit`);
        assert.equal(left.finished, false, `${label} came before the end`);
        const last = left.events.trim().split('\n').at(-1) ?? '';
        hits.set(name, (hits.get(name) ?? 0) + 1);
        assert.deepEqual(await result(run.folder), expected[arm], `${label}, last event ${last}`);
      }),
    );
  }
  assert.deepEqual([...hits.keys()].sort(), names.toSorted(), 'every kind of moment was hit');
  assert.equal(
    [...hits.values()].reduce((a, b) => a + b),
    20,
  );
});
