import assert from 'node:assert/strict';
import { readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { ComparePanel } from '../../src/extension/panel/compare-panel.ts';
import { layout } from '../../src/record/layout.ts';
import type { Claim, WorkerRecord } from '../../src/record/state.ts';
import { test } from './runner.ts';
import { app, entries, file, isAlive, rowOf, ui, until } from './support.ts';

/** What happens to a run while its comparison is open: each of these tests begins with what the one before has left. */

/** Messages that popped up, by the function that showed them. */
const toasts: string[] = [];
for (const name of ['showErrorMessage', 'showWarningMessage', 'showInformationMessage'] as const) {
  const show = vscode.window[name] as (...args: unknown[]) => unknown;
  Object.assign(vscode.window, {
    [name]: (...args: unknown[]) => {
      toasts.push(String(args[0]));
      return show(...args);
    },
  });
}

let panel: ComparePanel;
/** The run directory of the long run. */
let folder: string;

const read = async <T>(name: string) => JSON.parse(await readFile(join(folder, name), 'utf8')) as T;
const status = () => panel.state.runs.find((run) => run.folder === folder);
const atWork = (attempt: number) =>
  until('steps of the attempt', async () => {
    const [run] = (await entries()).filter((entry) => entry.folder === folder);
    return run?.state === 'running' && run.attempts === attempt + 1 && (run.progress?.step?.done ?? 0) > 0;
  });
/** What is written in the panel, where the launcher can look at it. */
const written = async (text: string) => process.env['VSCODE_TEST_UI'] && ui('webviewText', text);

test('the panel of an experiment whose run is at work shows how far it is', async () => {
  const { panels, index } = await app();
  await vscode.commands.executeCommand('strata.run', file('long.strata.yaml').toString(), 's');
  const run = await until('the run', async () =>
    (await entries()).find(({ experiment, arm }) => experiment.stem === 'long' && arm === 's'),
  );
  folder = run.folder;
  await atWork(0);
  panel = panels.open({ source: { kind: 'experiment', file: file('long.strata.yaml').fsPath } });
  await until('its progress in the panel', () => panel.state.comparison && (status()?.progress?.done ?? 0) > 0);
  if (process.env['VSCODE_TEST_UI']) await ui('screenshot', 'panel-at-work');
  await written('s, seed 1: running');
  assert.ok(index.active);
});

test('its worker is killed: tree and panel say so, with the reason, and one message pops up', async () => {
  toasts.length = 0;
  const { worker } = await read<WorkerRecord>(layout.proc(0));
  process.kill(worker.pid, 'SIGKILL');
  await until('the reason in the panel', () => /^failed: Its worker was killed by SIGKILL/.test(status()?.words ?? ''));
  await until('the reason in the tree', async () =>
    /^failed · Its worker was killed/.test((await rowOf('long', 's')).description),
  );
  await written('s, seed 1: failed: Its worker was killed');
  await until('the message', () => toasts.length > 0);
  assert.deepEqual(toasts, ['long: 1 failed']);
});

test('it is resumed, and goes on from its checkpoint', async () => {
  await vscode.commands.executeCommand('strata.runs.resume', await rowOf('long', 's'));
  await atWork(1);
  await until('it goes on in the panel', () => status()?.state === 'running');
});

test('supervisor and worker are killed at once: the run is lost, and both views say why', async () => {
  const { supervisor } = await read<Claim>(layout.claim(1));
  const { worker } = await read<WorkerRecord>(layout.proc(1));
  for (const { pid } of [supervisor, worker]) process.kill(pid, 'SIGKILL');
  await until('the panel', () => status()?.words === 'lost: Its processes were killed.');
  await written('s, seed 1: lost: Its processes were killed.');
  await until('the tree', async () =>
    (await rowOf('long', 's')).description.startsWith('lost · Its processes were killed.'),
  );
  await vscode.commands.executeCommand('strata.runs.resume', await rowOf('long', 's'));
  await atWork(2);
});

test('metrics are cut in the middle of a line while they are written: the panel says it, the tree goes on', async () => {
  const metrics = join(folder, layout.metrics(2));
  const text = await readFile(metrics, 'utf8');
  await truncate(metrics, text.lastIndexOf('\n', text.length - 2) + 12);
  const [notice] = await until('the notice', () => panel.state.notices.length > 0 && panel.state.notices);
  assert.match(notice!, /^A record of long-s-1-\w+ is damaged/);
  await written('is damaged');
  const before = (await rowOf('long', 's')).entry!.progress!.step!.done;
  await until('more steps', async () => ((await rowOf('long', 's')).entry?.progress?.step?.done ?? 0) > before);
});

test('its folder is deleted while it works: the row goes, the panel says it, its processes end', async () => {
  const { supervisor } = await read<Claim>(layout.claim(2));
  const { worker } = await read<WorkerRecord>(layout.proc(2));
  await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 50 });
  await until('the row is gone', async () => !(await entries()).some((entry) => entry.folder === folder));
  await until('the notice', () =>
    panel.state.notices.some((text) => /^The run directory of long-s-1-\w+ was deleted/.test(text)),
  );
  await written('was deleted while this was open');
  await until('its processes are gone', () => !isAlive(worker.pid) && !isAlive(supervisor.pid));
});

test('all that took place popped up twice: once when an experiment had ended with a failure, once when it was lost', async () => {
  assert.deepEqual(toasts, ['long: 1 failed', 'long: 1 lost']);
  await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
});
