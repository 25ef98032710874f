import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { removeRuns } from '../../src/extension/run-commands.ts';
import { test } from './runner.ts';
import { app, entries, file, folder, isAlive, open, rowOf, runFolders, shown, ui, until } from './support.ts';

test('the extension is activated by an experiment file', async () => {
  await open('tiny.strata.yaml');
  await until('active', () => vscode.extensions.getExtension('strata.strata')?.isActive === true);
});

test('activate() takes at most 50 ms', async () => {
  const { activation } = await app();
  assert.ok(activation.milliseconds <= 50, `${activation.milliseconds} ms`);
});

test('every command of the table is registered', async () => {
  const known = await vscode.commands.getCommands(true);
  const { contributes } = vscode.extensions.getExtension('strata.strata')!.packageJSON;
  const declared = (contributes.commands as { command: string }[]).map(({ command }) => command);
  assert.deepEqual(
    declared.filter((command) => !known.includes(command)),
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

test('the Layers view follows what is typed', async () => {
  const { layers } = await app();
  const document = await open('tiny.strata.yaml');
  const at = document.getText().indexOf('after: [1]') + 'after: ['.length;
  const range = new vscode.Range(document.positionAt(at), document.positionAt(at + 1));
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, range, '0');
  await vscode.workspace.applyEdit(edit);
  await until('a block after layer 0', () => layers.root?.children.some(({ label }) => label === 'Layer 0+'));
  await vscode.commands.executeCommand('undo');
  await until('the block is back after layer 1', () => layers.root?.children.some(({ label }) => label === 'Layer 1+'));
  await document.save();
});

test('the task provider offers one task a file, and completes what stands in tasks.json', async () => {
  const tasks = await vscode.tasks.fetchTasks({ type: 'strata' });
  assert.deepEqual(tasks.map(({ name }) => name).sort(), [
    'run long.strata.yaml',
    'run tiny.strata.yaml',
    'the subject',
  ]);
});

test('a task of tasks.json runs its arm, and the offered one the rest, each to its end with exit code 0', async () => {
  const tasks = await vscode.tasks.fetchTasks({ type: 'strata' });
  for (const [name, arms] of [
    ['the subject', 1],
    ['run tiny.strata.yaml', 3],
  ] as const) {
    assert.equal(await endOf(tasks.find((task) => task.name === name)!), 0);
    assert.equal(runFolders().length, arms);
  }
});

/** Runs a task and returns the exit code of its process. */
async function endOf(task: vscode.Task): Promise<number | undefined> {
  const ended = new Promise<number | undefined>((resolve) => {
    const subscription = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
      if (execution.task.name !== task.name) return;
      subscription.dispose();
      resolve(exitCode);
    });
  });
  await vscode.tasks.executeTask(task);
  return ended;
}

test('runs that were started outside the editor appear by themselves, with state and values', async () => {
  const runs = await until('three runs are done', async () => {
    const found = await entries();
    return found.length === 3 && found.every(({ state }) => state === 'succeeded') && found;
  });
  assert.deepEqual(runs.map(({ arm }) => arm).sort(), ['base', 'lora', 's']);
  for (const { values } of runs)
    assert.deepEqual(
      values.map(({ task }) => task),
      ['recall'],
    );
});

test('the Runs view has the experiment, its arms and their runs', async () => {
  const { runs } = await app();
  await vscode.commands.executeCommand('strata.runs.focus');
  const [experiment] = runs.getChildren();
  assert.equal(experiment!.label, 'tiny');
  assert.equal(experiment!.description, '3 done');
  assert.deepEqual(
    runs.getChildren(experiment).map(({ label }) => label),
    ['base', 's, seed 1', 'lora, seed 1'],
  );
});

test('run reuses finished runs and says so by their ids', async () => {
  const ids = await vscode.commands.executeCommand<string[]>('strata.run', {
    uri: file('tiny.strata.yaml').toString(),
  });
  assert.deepEqual(ids.sort(), runFolders().sort());
});

test('the plan is a read-only document', async () => {
  await vscode.commands.executeCommand('strata.plan', file('tiny.strata.yaml').toString());
  assert.match(await shown(/FLOP/), /lora/);
  assert.equal(vscode.workspace.fs.isWritableFileSystem('strata'), undefined);
});

test('the model of a run and the difference to its base are shown in the Layers view', async () => {
  const { layers } = await app();
  const node = await rowOf('tiny', 's');
  await vscode.commands.executeCommand('strata.runs.openModel', node);
  assert.ok(layers.root!.children.some(({ label, marks }) => label === 'Layer 1+' && marks.includes('trained')));
  const base = vscode.Uri.file(join(folder(), 'model'));
  await vscode.commands.executeCommand('strata.layers.compare', base, vscode.Uri.file(node.folder!));
  assert.deepEqual(
    layers.root!.children.map(({ label, description }) => `${label}: ${description}`),
    ['Layer 1+: only in b', 'Layer 3: only in a'],
  );
  await vscode.commands.executeCommand('strata.layers.follow');
});

test('log and proofs of a run are documents', async () => {
  const node = await rowOf('tiny', 's');
  for (const [command, says] of [
    ['strata.runs.log', /train ended/],
    ['strata.runs.verify', /frozen: holds/],
  ] as const) {
    await vscode.commands.executeCommand(command, node);
    assert.match(await shown(says), says);
  }
});

test('specs of two runs are compared side by side', async () => {
  await vscode.commands.executeCommand('strata.runs.diff', undefined, [
    await rowOf('tiny', 's'),
    await rowOf('tiny', 'lora'),
  ]);
  const tab = await until('a diff', () => {
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    return input instanceof vscode.TabInputTextDiff && input;
  });
  assert.match(tab.original.path, /spec\.json$/);
});

test('a long run is started, seen at work, attached to in a terminal, and canceled', async () => {
  const uri = file('long.strata.yaml').toString();
  const ids = await vscode.commands.executeCommand<string[]>('strata.run', uri, 's');
  assert.equal(ids.length, 1);
  const node = await until('progress', async () => {
    const { runs } = await app();
    const [experiment] = runs.getChildren().filter(({ label }) => label === 'long');
    const [row] = experiment ? runs.getChildren(experiment) : [];
    return row && (row.entry?.progress?.step?.done ?? 0) > 0 && row;
  });
  if (process.env['VSCODE_TEST_UI']) await ui('screenshot', 'running');
  assert.match(node.description, /^running · \d+ % · .* tokens\/s · .* left · loss /);
  await vscode.commands.executeCommand('strata.runs.attach', node);
  const attached = vscode.window.terminals.find(({ name }) => name === `Strata: ${node.label}`);
  assert.ok(isAlive((await attached?.processId) ?? 0), 'the terminal shows it while it works');
  await vscode.commands.executeCommand('strata.runs.cancel', node);
  await until('the terminal says how it ended', () => attached!.exitStatus);
  assert.equal(attached!.exitStatus!.code, 1);
  const [run] = (await entries()).filter(({ id }) => id === ids[0]);
  assert.equal(run!.state, 'canceled');
});

test('a canceled run is resumed, and canceled again', async () => {
  await vscode.commands.executeCommand('strata.runs.resume', await rowOf('long', 's'));
  await until('running again', async () => (await entries()).some(({ state }) => state === 'running'));
  await vscode.commands.executeCommand('strata.runs.cancel', await rowOf('long', 's'));
  assert.equal((await rowOf('long', 's')).entry?.state, 'canceled');
});

test('runs are never removed without a question, and those that are at work are not removed', async () => {
  const { runs } = await app();
  const [experiment] = runs.getChildren().filter(({ label }) => label === 'long');
  const [row] = runs.getChildren(experiment);
  // Here a question cannot be answered; the walk through the packed extension answers it.
  await assert.rejects(async () => vscode.commands.executeCommand('strata.runs.delete', row), /dialog/);
  assert.ok(existsSync(row!.folder!));
  await removeRuns(await app(), [row!]);
  assert.equal(existsSync(row!.folder!), false);
  await until('its row is gone', () => !runs.getChildren().some(({ label }) => label === 'long'));
});

test('a run whose record is broken is shown as such and can be removed', async () => {
  const { runs } = await app();
  const broken = vscode.Uri.file(join(folder(), '.strata', 'runs', 'broken-1'));
  await vscode.workspace.fs.createDirectory(broken);
  await vscode.workspace.fs.writeFile(vscode.Uri.joinPath(broken, 'request.0.json'), Buffer.from('{"torn'));
  const row = await until('the damaged row', () => runs.getChildren().find(({ kind }) => kind === 'damaged'));
  assert.equal(row.label, 'broken-1');
  await removeRuns(await app(), [row]);
  assert.equal(existsSync(broken.fsPath), false);
  await until('the row is gone', () => !runs.getChildren().some(({ kind }) => kind === 'damaged'));
});

test('the tools for language models answer in words', async () => {
  const invoke = async (name: string, input: object) => {
    const result = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
    return result.content.map((part) => (part instanceof vscode.LanguageModelTextPart ? part.value : '')).join('');
  };
  assert.match(await invoke('list_runs', { experiment: 'tiny' }), /arm lora, seed 1, done, recall \d/);
  assert.match(
    await invoke('describe_layers', { experiment: 'tiny', arm: 's' }),
    /Layer 1\+: new · trained · average of 1 and 2/,
  );
  assert.match(await invoke('compare_runs', { experiment: 'tiny' }), /recall/);
  assert.match(await invoke('run_experiment', { experiment: 'tiny', arm: 's' }), /^Started or found: tiny-s-1-\w+\./);
  await assert.rejects(invoke('run_experiment', { experiment: 'none' }), /There is no experiment "none"/);
});
