import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { test } from './runner.ts';
import { app, file, folder, open, shown, until } from './support.ts';

const errorsOf = (uri: vscode.Uri) =>
  vscode.languages.getDiagnostics(uri).filter(({ severity }) => severity === vscode.DiagnosticSeverity.Error);

test('New Experiment writes a commented file for a model folder and opens it; nothing is overwritten', async () => {
  const target = file('mine.strata.yaml');
  await vscode.commands.executeCommand('strata.newExperiment', file('model'), target);
  assert.equal(vscode.window.activeTextEditor?.document.uri.fsPath, target.fsPath);
  const text = await readFile(target.fsPath, 'utf8');
  assert.match(text, /^model: model$/m);
  // What is left to be done is what is complained about: the files that the person is to name.
  const errors = await until('the files that are to be named', () => {
    const found = errorsOf(target);
    return found.length > 0 && found;
  });
  for (const { range } of errors)
    assert.match(vscode.window.activeTextEditor!.document.lineAt(range.start.line).text, /<- your file/);
  await writeFile(target.fsPath, 'mine\n');
  await vscode.commands.executeCommand('strata.newExperiment', file('model'), target);
  assert.equal(await readFile(target.fsPath, 'utf8'), 'mine\n');
  await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  await rm(target.fsPath);
});

test('Open Sample World copies base, data and experiment, which has no errors; a copy that is there stays', async () => {
  await vscode.commands.executeCommand('strata.openSampleWorld', vscode.Uri.file(folder()));
  const world = join(folder(), 'strata-samples');
  const { document } = await until('its experiment', () => {
    const editor = vscode.window.activeTextEditor;
    return editor?.document.fileName === join(world, 'shallow-vs-rivals.strata.yaml') && editor;
  });
  const { layers } = await app();
  // The tree is drawn where somebody looks at it.
  await vscode.commands.executeCommand('strata.layers.focus');
  await until('its layers', () => layers.root?.description.startsWith('8 layers'));
  assert.deepEqual(errorsOf(document.uri), []);
  await writeFile(join(world, 'note'), 'hers');
  await vscode.commands.executeCommand('strata.openSampleWorld', vscode.Uri.file(folder()));
  assert.ok(existsSync(join(world, 'note')));
  await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  await rm(world, { recursive: true });
});

test('Doctor is a document', async () => {
  await vscode.commands.executeCommand('strata.doctor');
  await shown(/memory/);
});

test('the language server is started again, and answers', async () => {
  const { language } = await app();
  const document = await open('tiny.strata.yaml');
  const before = language.client;
  await vscode.commands.executeCommand('strata.restartServer');
  assert.ok(language.client && language.client !== before);
  const symbols = await until('an outline', async () =>
    vscode.commands.executeCommand<vscode.DocumentSymbol[]>('vscode.executeDocumentSymbolProvider', document.uri),
  );
  assert.ok(symbols.some(({ name }) => name === 'arms'));
});
