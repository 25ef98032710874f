import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import * as vscode from 'vscode';
import { test } from './runner.ts';
import { app, entries, file, open, until } from './support.ts';

/** What a measurement of the layers is good for in the editor: each of these tests needs the one before. */

const name = 'measured.strata.yaml';
const experiment = `strata: 1
title: How important each layer is
model: model
corpora:
  facts: { files: data/facts.jsonl }
analysis: { metrics: [angular, removal], corpus: facts, tokens: 256 }
arms:
  grown: {}
training: { corpus: facts, steps: 8, batch: 2, sequence: 32, learning_rate: 1e-3 }
`;

const layerRows = async () => (await app()).layers.root?.children.filter(({ kind }) => kind === 'layer') ?? [];

test('once the layers are measured, the Layers view has the number of each, its rank and its colour', async () => {
  const { layers } = await app();
  await writeFile(file(name).fsPath, experiment);
  await open(name);
  await vscode.commands.executeCommand('strata.layers.focus');
  await until('layers without importance', async () => {
    const rows = await layerRows();
    return rows.length === 4 && rows.every(({ heat }) => heat === undefined);
  });
  await vscode.commands.executeCommand('strata.run', file(name).toString());
  await until('the measurement', async () =>
    (await entries()).some(({ experiment: { stem }, state }) => stem === 'measured' && state === 'succeeded'),
  );
  const rows = await until('importance of each layer', async () => {
    const found = await layerRows();
    return found.length === 4 && found.every(({ heat }) => heat !== undefined) && found;
  });
  assert.match(layers.root!.description, /importance by removal/);
  for (const { description } of rows) assert.match(description, /^-?\d[\d.e+-]* · /);
  const ranks = rows.map(({ spoken }) => Number(/importance \S+ by removal, rank (\d) of 4/.exec(spoken)?.[1]));
  assert.deepEqual([...ranks].sort(), [1, 2, 3, 4]);
  // Equal steps from the least important to the most: another colour for each of four layers.
  const byRank = [...rows].sort((a, b) => ranks[rows.indexOf(a)]! - ranks[rows.indexOf(b)]!);
  assert.deepEqual(
    byRank.map(({ heat }) => heat),
    [5, 4, 3, 2],
  );
});

test('the surgery that the measurement suggests is offered as a quick fix, and leaves a file without errors', async () => {
  const document = await open(name);
  const at = document.positionAt(document.getText().indexOf('grown') + 2);
  const fix = await until('the quick fix', async () => {
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      new vscode.Range(at, at),
    );
    return actions.find(({ title }) => title.startsWith('Write the surgery that removal on facts suggests'));
  });
  const edit = fix.edit;
  assert.ok(edit, 'the fix is an edit of the file');
  await vscode.workspace.applyEdit(edit);
  assert.match(document.getText(), /grown:\s*(\{ )?expand: \{ after: \[/);
  assert.deepEqual(
    vscode.languages
      .getDiagnostics(document.uri)
      .filter(({ severity }) => severity === vscode.DiagnosticSeverity.Error),
    [],
  );
  const { layers } = await app();
  await vscode.commands.executeCommand('strata.layers.chooseArm', 'grown');
  await until('the new blocks in the tree', () => layers.root?.children.some(({ marks }) => marks.includes('new')));
  await vscode.commands.executeCommand('workbench.action.files.revert');
  await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
});
