import * as vscode from 'vscode';
import { test } from './runner.ts';
import { entries, rowOf, until } from './support.ts';

test('a canceled run is resumed; it goes on when the window is closed', async () => {
  await vscode.commands.executeCommand('strata.runs.resume', await rowOf('long', 's'));
  await until('running again', async () => (await entries()).some(({ state }) => state === 'running'));
});
