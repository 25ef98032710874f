import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { runAll, test } from './runner.ts';
import { app, file, folder, open, until } from './support.ts';

test('the folder is not trusted', async () => {
  assert.equal(vscode.workspace.isTrusted, false);
});

test('the extension works: layers are drawn, errors are underlined', async () => {
  const { layers } = await app();
  const document = await open('tiny.strata.yaml');
  await vscode.commands.executeCommand('strata.layers.focus');
  await until('layers', () => layers.root?.children.length === 6);
  const edit = new vscode.WorkspaceEdit();
  edit.insert(document.uri, new vscode.Position(0, 0), 'nonsense: 1\n');
  await vscode.workspace.applyEdit(edit);
  await until('a diagnostic', () => vscode.languages.getDiagnostics(document.uri).length > 0);
  await vscode.commands.executeCommand('undo');
});

test('nothing is run', async () => {
  const started = await vscode.commands.executeCommand('strata.run', file('tiny.strata.yaml').toString());
  assert.equal(started, undefined);
  assert.equal(existsSync(join(folder(), '.strata')), false);
});

test('tools that would run something say why they do not', async () => {
  const { content } = await vscode.lm.invokeTool('compare_runs', {
    input: { experiment: 'tiny' },
    toolInvocationToken: undefined,
  });
  assert.match((content[0] as vscode.LanguageModelTextPart).value, /not trusted/);
});

export const run = runAll;
