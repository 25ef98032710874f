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

test('completion, hover and symbols work as in a trusted folder; no lens offers to run', async () => {
  const document = await open('tiny.strata.yaml');
  const text = document.getText();
  const behind = (words: string) => document.positionAt(text.indexOf(words) + words.length);
  const ask = <T>(provider: string, ...more: unknown[]) =>
    vscode.commands.executeCommand<T>(`vscode.execute${provider}`, document.uri, ...more);
  const { items } = await until('completions', async () => {
    const list = await ask<vscode.CompletionList>('CompletionItemProvider', behind('train: [n'));
    return list.items.length > 0 && list;
  });
  assert.ok(
    items.some(({ label }) => label === 'new'),
    items.map(({ label }) => label).join(', '),
  );
  assert.ok((await ask<vscode.Hover[]>('HoverProvider', behind('    expan'))).length > 0);
  assert.ok((await ask<vscode.DocumentSymbol[]>('DocumentSymbolProvider')).some(({ name }) => name === 'arms'));
  const lenses = await ask<vscode.CodeLens[]>('CodeLensProvider', 50);
  assert.ok(lenses.length > 0);
  assert.ok(!lenses.some(({ command }) => command?.command === 'strata.run'));
});

test('nothing is run or evaluated, whoever asks for it', async () => {
  for (const command of ['strata.run', 'strata.plan', 'strata.compare', 'strata.doctor'])
    assert.equal(await vscode.commands.executeCommand(command, file('tiny.strata.yaml').toString()), undefined);
  const folders = vscode.Uri.file(join(folder(), 'model'));
  assert.equal(await vscode.commands.executeCommand('strata.layers.compare', folders, folders), undefined);
  assert.equal(existsSync(join(folder(), '.strata')), false);
  const { panels } = await app();
  assert.equal(panels.all.length, 0);
  assert.ok(!vscode.workspace.textDocuments.some(({ uri }) => uri.scheme === 'strata'));
});

test('a panel that was open before says that the folder is not trusted', async () => {
  const { panels } = await app();
  const panel = panels.open({ source: { kind: 'experiment', file: file('tiny.strata.yaml').fsPath } });
  await until('the reason', () => panel.state.problem?.code === 'untrusted');
  assert.equal(panel.state.comparison, undefined);
  await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
});

test('a workspace does not decide which program runs experiments', async () => {
  const inspected = vscode.workspace.getConfiguration('strata').inspect('nodePath');
  assert.equal(inspected?.workspaceValue, undefined, 'a setting of the machine is not read from a folder');
});

test('tools that would run something say why they do not', async () => {
  const { content } = await vscode.lm.invokeTool('compare_runs', {
    input: { experiment: 'tiny' },
    toolInvocationToken: undefined,
  });
  assert.match((content[0] as vscode.LanguageModelTextPart).value, /not trusted/);
});

export const run = runAll;
