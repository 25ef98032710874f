import * as vscode from 'vscode';
import { test } from './runner.ts';
import { entries, file, until } from './support.ts';

test('a run is left at work: it goes on when the window is closed', async () => {
  await vscode.commands.executeCommand('strata.run', file('long.strata.yaml').toString(), 's');
  await until('it is at work', async () => (await entries()).some(({ state }) => state === 'running'));
});
