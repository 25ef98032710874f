import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSession } from '../../../src/extension/panel/session.ts';
import { formatView, parseView } from '../../../src/extension/panel/view-file.ts';
import { initialView, type PanelState } from '../../../src/protocol/panel.ts';
import { createExit, createRun } from '../../../src/record/create.ts';
import { home, layout, samplesFile } from '../../../src/record/layout.ts';
import { temporaryFolder } from '../../support.ts';
import { makeRun } from '../report/world.ts';

/** What the panel's thread does with real run directories, whose results are made up. */

const lines = (records: readonly unknown[]) => records.map((r) => `${JSON.stringify(r)}\n`).join('');

/** A run directory as a runner leaves it; without `ended` it waits. */
async function writeRun(folder: string, arm: string, seed: number | undefined, ended = true): Promise<string> {
  const { run, steps, samples } = makeRun(arm, seed);
  const { spec, request } = run;
  const at = home(join(folder, '.strata'));
  assert.ok(await createRun(at, run.id, { spec, place: { kind: 'local' }, request }));
  const place = join(at.runs, run.id);
  await writeFile(join(place, layout.metrics(0)), lines(steps));
  if (!ended) return place;
  await mkdir(join(place, layout.samples));
  for (const [task, records] of Object.entries(samples))
    await writeFile(join(place, samplesFile(task)), lines(records));
  await writeFile(join(place, layout.scores), JSON.stringify(run.scores));
  await createExit(place, 0, { outcome: 'succeeded', by: 'supervisor', time: 0 });
  return place;
}

/** A session that looks every 20 ms, and the states it posts. */
function follow(folders: string[]) {
  const states: PanelState[] = [];
  const waiting: { holds: (state: PanelState) => boolean; done: (state: PanelState) => void }[] = [];
  const session = createSession((state) => {
    states.push(state);
    for (const { holds, done } of waiting) if (holds(state)) done(state);
  }, 20);
  session.tell({ type: 'open', source: { kind: 'runs', folders }, choice: {} });
  session.tell({ type: 'watch', on: true });
  return {
    session,
    states,
    until(holds: (state: PanelState) => boolean): Promise<PanelState> {
      const already = states.findLast(holds);
      return already ? Promise.resolve(already) : new Promise((done) => waiting.push({ holds, done }));
    },
    async end() {
      session.tell({ type: 'watch', on: false });
      await session.settled();
    },
  };
}

async function threeRuns() {
  const folder = await temporaryFolder();
  return Promise.all([writeRun(folder, 'base', undefined), writeRun(folder, 's', 1), writeRun(folder, 'pro', 1)]);
}

const compared = ({ comparison, busy }: PanelState) => comparison !== undefined && busy === undefined;

test('opened, it reads and compares; a pinned arm is compared anew', async () => {
  const panel = follow(await threeRuns());
  const first = await panel.until(compared);
  assert.deepEqual([first.comparison!.baseline, first.comparison!.subject], ['base', 's']);
  assert.equal(first.runs.length, 3);
  panel.session.tell({ type: 'choose', choice: { baseline: 'pro' } });
  const pinned = await panel.until((s) => s.comparison?.baseline === 'pro');
  assert.deepEqual(pinned.choice, { baseline: 'pro' });
  assert.ok(pinned.comparison!.contrasts.some((c) => c.arm === 'base' && c.against === 'pro'));
  await panel.end();
});

test('an arm that is not there is not chosen', async () => {
  const panel = follow(await threeRuns());
  panel.session.tell({ type: 'choose', choice: { baseline: 'gone' } });
  assert.equal((await panel.until(compared)).comparison!.baseline, 'base');
  await panel.end();
});

test('what a run appends is drawn; while nobody looks nothing is read', async () => {
  const folder = await temporaryFolder();
  const place = await writeRun(folder, 's', 1, false);
  const panel = follow([place]);
  const last = (s: PanelState) => s.comparison?.lossCurves[0]?.points.at(-1);
  assert.equal(last(await panel.until(compared))!.step, 32);
  await panel.end();
  const posted = panel.states.length;
  const step = { step: 33, tokens: 1, loss: 0.5, grad_norm: 1, lr: 1, tokens_per_second: 1, wall: 1 };
  await appendFile(join(place, layout.metrics(0)), `${JSON.stringify(step)}\n{"step": 34, "lo`);
  await new Promise((done) => setTimeout(done, 60));
  assert.equal(panel.states.length, posted);
  panel.session.tell({ type: 'watch', on: true });
  const state = await panel.until((s) => last(s)?.step === 33);
  assert.equal(last(state)!.mean, 0.5, 'the torn line is left out, the whole one is there');
  assert.deepEqual(state.notices, []);
  await panel.end();
});

test('a run directory that is deleted is named, and the others go on', async () => {
  const [base, s, pro] = await threeRuns();
  const panel = follow([base!, s!, pro!]);
  await panel.until(compared);
  await rm(pro!, { recursive: true });
  const state = await panel.until(({ notices }) => notices.length > 0);
  assert.match(state.notices[0]!, /^The run directory of shallow-pro-1-\w+ was deleted while this was open\.$/);
  assert.deepEqual(
    state.comparison!.arms.map((a) => a.name),
    ['base', 's'],
  );
  await rm(base!, { recursive: true });
  await rm(s!, { recursive: true });
  const empty = await panel.until(({ problem }) => problem !== undefined);
  assert.match(empty.problem!.message, /None of the runs/);
  assert.ok(empty.comparison, 'the last comparison stays');
  await panel.end();
});

test('metrics of an ended run that are cut in the middle of a line: what is left is drawn, and it is said', async () => {
  const [base, s] = await threeRuns();
  const metrics = join(s!, layout.metrics(0));
  const panel = follow([base!, s!]);
  const whole = await panel.until(compared);
  assert.deepEqual(whole.notices, []);
  const text = await readFile(metrics, 'utf8');
  const atStep20 = text.indexOf('\n{"step":20,') + 30;
  assert.notEqual(text[atStep20 - 1], '\n');
  await truncate(metrics, atStep20);
  const state = await panel.until(({ notices }) => notices.length > 0);
  assert.match(state.notices[0]!, /^The metrics of shallow-s-1-\w+ end at step 19 of 32: the file was cut\./);
  assert.equal(state.comparison!.lossCurves.find(({ arm }) => arm === 's')!.points.at(-1)!.step, 19);
  assert.deepEqual(state.comparison!.contrasts, whole.comparison!.contrasts, 'its results are whole');
  await writeFile(metrics, text);
  const again = await panel.until((next) => panel.states.indexOf(next) > panel.states.indexOf(state));
  assert.deepEqual(again.notices, [], 'what is whole again is not complained about');
  await panel.end();
});

test('metrics that were cut and written on are said to be damaged; nothing hangs', async () => {
  const [base, s] = await threeRuns();
  const metrics = join(s!, layout.metrics(0));
  const panel = follow([base!, s!]);
  await panel.until(compared);
  const text = await readFile(metrics, 'utf8');
  await truncate(metrics, text.length - 40);
  // An ended run is looked at again when its folder changes.
  await appendFile(metrics, '{"step": 1}\n{"step": 2}\n');
  await writeFile(join(s!, 'note'), '');
  const state = await panel.until(({ notices }) => notices.length > 0);
  assert.match(state.notices[0]!, /^A record of shallow-s-1-\w+ is damaged .* Its numbers are left out/);
  assert.deepEqual(
    state.comparison!.arms.map((a) => a.name),
    ['base'],
  );
  // It is damaged no more once it is deleted.
  await rm(s!, { recursive: true });
  const gone = await panel.until(({ notices }) => /was deleted/.test(notices[0] ?? ''));
  assert.equal(gone.notices.length, 1);
  await panel.end();
});

test('a run directory whose record cannot be read at all is named, and so is that it is deleted then', async () => {
  const [base, s] = await threeRuns();
  const panel = follow([base!, s!]);
  await panel.until(compared);
  await writeFile(join(s!, layout.request(0)), '{"torn');
  // An ended run is looked at again when its folder changes.
  await writeFile(join(s!, 'note'), '');
  await panel.until(({ notices }) => /is not a whole record/.test(notices[0] ?? ''));
  await rm(s!, { recursive: true });
  const gone = await panel.until(({ notices }) => /was deleted/.test(notices[0] ?? ''));
  assert.equal(gone.notices.length, 1);
  await panel.end();
});

test('the whole comparison can be written in every format', async () => {
  const panel = follow(await threeRuns());
  await panel.until(compared);
  for (const [format, start] of [
    ['md', '# Shallow'],
    ['html', '<!doctype html>'],
    ['csv', 'arm,against'],
    ['svg', '<svg'],
    ['json', '{'],
  ] as const) {
    const written = await panel.session.write(format);
    assert.ok(written.ok && written.value.startsWith(start), format);
  }
  await panel.end();
});

test('without a comparison there is nothing to write, and it is said', async () => {
  const written = await createSession(() => {}).write('md');
  assert.ok(!written.ok && written.problem.code === 'not-available');
});

test('a saved view goes with its folder: paths are relative, and it reads back equal', () => {
  const view = { ...initialView, filter: 'lora', hidden: ['full'], zoom: { a: { x: [1, 2] as [number, number] } } };
  const source = { kind: 'experiment' as const, file: '/home/a/x.strata.yaml' };
  const text = formatView({ source, choice: { baseline: 's' }, view }, '/home/a/views/x.strata-view.json');
  assert.match(text, /"experiment": "..\/x.strata.yaml"/);
  assert.deepEqual(parseView(text, '/elsewhere/views/y.strata-view.json'), {
    source: { kind: 'experiment', file: '/elsewhere/x.strata.yaml' },
    choice: { baseline: 's' },
    view,
  });
  const runs = { kind: 'runs' as const, folders: ['/home/a/.strata/runs/x-s-1'] };
  const file = '/home/a/v.strata-view.json';
  assert.deepEqual(parseView(formatView({ source: runs, choice: {}, view }, file), file).source, runs);
});

for (const [text, why] of [
  ['{', 'is no saved view'],
  ['{}', '"strata_view": 1'],
  ['{"strata_view": 1}', 'neither an experiment nor runs'],
  ['{"strata_view": 1, "runs": []}', 'neither an experiment nor runs'],
] as const) {
  test(`${text} is refused with the reason`, () => {
    assert.throws(
      () => parseView(text, '/x.json'),
      (error: Error) => error.message.includes(why),
    );
  });
}
