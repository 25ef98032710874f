import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { runAll, test } from './runner.ts';
import { app, open, until } from './support.ts';

test('the extension is activated by an experiment file', async () => {
  await open('tiny.strata.yaml');
  const extension = await until('active', () => {
    const found = vscode.extensions.getExtension('strata.strata');
    return found?.isActive ? found : undefined;
  });
  assert.equal(extension.isActive, true);
});

test('every command of the table is registered', async () => {
  const known = await vscode.commands.getCommands(true);
  const declared: { command: string }[] =
    vscode.extensions.getExtension('strata.strata')!.packageJSON.contributes.commands;
  assert.deepEqual(
    declared.map(({ command }) => command).filter((command) => !known.includes(command)),
    [],
  );
});

test('the Layers view shows the model of the experiment, and an arm drawn into it', async () => {
  const { layers } = await app();
  await vscode.commands.executeCommand('strata.layers.focus');
  await layers.refresh();
  assert.match(layers.root!.description, /^4 layers · /);
  await vscode.commands.executeCommand('strata.layers.chooseArm', 's');
  assert.deepEqual(
    layers.root!.children.map(({ label, marks }) => `${label} ${marks}`),
    [
      'embed_tokens frozen',
      'Layer 0 frozen',
      'Layer 1 frozen',
      'Layer 1+ new,trained',
      'Layer 2 frozen',
      'Layer 3 pruned',
      'norm frozen',
    ],
  );
});

export const run = runAll;
