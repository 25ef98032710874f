import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { test } from './runner.ts';
import { file, open, until } from './support.ts';

/** The position behind `text` in a document. */
function behind(document: vscode.TextDocument, text: string): vscode.Position {
  const at = document.getText().indexOf(text);
  assert.ok(at >= 0, `"${text}" is not there`);
  return document.positionAt(at + text.length);
}

/** Replaces the whole text for the time of `work`, unsaved. */
async function withText(
  name: string,
  change: (text: string) => string,
  work: (d: vscode.TextDocument) => Promise<void>,
) {
  const document = await open(name);
  const before = document.getText();
  const set = async (text: string) => {
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, new vscode.Range(document.positionAt(0), document.positionAt(1e9)), text);
    await vscode.workspace.applyEdit(edit);
  };
  await set(change(before));
  try {
    await work(document);
  } finally {
    await set(before);
    await document.save();
  }
}

const execute = <T>(command: string, ...args: unknown[]): Thenable<T> =>
  vscode.commands.executeCommand<T>(command, ...args);

test('an experiment file has its own language', async () => {
  assert.equal((await open('tiny.strata.yaml')).languageId, 'strata');
});

test('completion offers keys of an arm', async () => {
  await withText(
    'tiny.strata.yaml',
    (text) => text.replace('  lora: {', '  more:\n    \n  lora: {'),
    async (document) => {
      const at = behind(document, '  more:\n    ');
      const list = await until('completions', async () => {
        const { items } = await execute<vscode.CompletionList>(
          'vscode.executeCompletionItemProvider',
          document.uri,
          at,
        );
        return items.length > 0 && items;
      });
      const labels = list.map(({ label }) => (typeof label === 'string' ? label : label.label));
      for (const key of ['expand', 'prune', 'train', 'lora']) assert.ok(labels.includes(key), `${key} in ${labels}`);
    },
  );
});

test('hover says what a rule resolves to', async () => {
  const document = await open('tiny.strata.yaml');
  const at = behind(document, '    expan');
  const hovers = await until('a hover', async () => {
    const found = await execute<vscode.Hover[]>('vscode.executeHoverProvider', document.uri, at);
    return found.length > 0 && found;
  });
  const text = hovers.flatMap(({ contents }) => contents.map((c) => (typeof c === 'string' ? c : c.value))).join('\n');
  assert.match(text, /expand/);
});

test('diagnostics while typing, with a quick fix', async () => {
  await withText(
    'tiny.strata.yaml',
    (text) => text.replace('prune:', 'prunee:'),
    async (document) => {
      const [diagnostic] = await until('a diagnostic', () => {
        const found = vscode.languages.getDiagnostics(document.uri);
        return found.length > 0 && found;
      });
      assert.equal(document.getText(diagnostic!.range), 'prunee');
      const actions = await execute<vscode.CodeAction[]>(
        'vscode.executeCodeActionProvider',
        document.uri,
        diagnostic!.range,
      );
      assert.ok(
        actions.some(({ title }) => title.includes('prune')),
        actions.map(({ title }) => title).join(', '),
      );
    },
  );
});

test('code lenses run, plan and compare the file and each arm', async () => {
  const document = await open('tiny.strata.yaml');
  const lenses = await until('lenses', async () => {
    const found = await execute<vscode.CodeLens[]>('vscode.executeCodeLensProvider', document.uri, 50);
    return found.length > 0 && found;
  });
  const known = await vscode.commands.getCommands(true);
  const commands = lenses.flatMap(({ command }) => (command?.command ? [command.command] : []));
  assert.ok(commands.includes('strata.run'));
  for (const command of commands) assert.ok(known.includes(command), `${command} is a command`);
});

test('an arm is renamed everywhere', async () => {
  const document = await open('tiny.strata.yaml');
  const at = behind(document, 'subject: ');
  const edit = await execute<vscode.WorkspaceEdit>('vscode.executeDocumentRenameProvider', document.uri, at, 'shallow');
  const [[uri, edits]] = edit.entries() as [[vscode.Uri, vscode.TextEdit[]]];
  assert.equal(uri.fsPath, file('tiny.strata.yaml').fsPath);
  assert.equal(edits.length, 2);
});
