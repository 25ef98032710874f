import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { isDamaged } from '../../src/extension/runs/entry.ts';
import { runAll, test } from './runner.ts';
import { app, until } from './support.ts';

test('a run that was left at work is found again by another window, still at work', async () => {
  const { index, runs } = await app();
  await vscode.commands.executeCommand('strata.runs.focus');
  const entry = await until('the run at work', () =>
    index.entries().find((e) => !isDamaged(e) && e.experiment.stem === 'long' && e.state === 'running'),
  );
  assert.equal(isDamaged(entry), false);
  const [long, tiny] = runs.getChildren();
  assert.equal(long!.label, 'long');
  assert.equal(tiny!.description, '3 done');
});

test('it is canceled from here', async () => {
  const { index, runs } = await app();
  const [long] = runs.getChildren();
  const [row] = runs.getChildren(long);
  await vscode.commands.executeCommand('strata.runs.cancel', row);
  const states = index.entries().flatMap((e) => (isDamaged(e) ? [] : [e.state]));
  assert.deepEqual(
    states.filter((state) => state !== 'succeeded'),
    ['canceled'],
  );
});

test('one experiment that ended is told once', async () => {
  const { context } = await app();
  await until('nothing goes on', () => Object.keys(context.workspaceState.get<object>('going', { x: 1 })).length === 0);
});

export const run = runAll;
