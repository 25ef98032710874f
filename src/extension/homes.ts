import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { exists } from '../base/files.ts';

/** More experiment files than this in one workspace are not looked for. */
const most = 2000;
const ignored = '**/{node_modules,.git}/**';

/** `.strata` folders of the workspace: beside every experiment file, and every other one that has held runs. */
export async function findHomes(): Promise<string[]> {
  const [files, marks] = await Promise.all([
    vscode.workspace.findFiles('**/*.strata.yaml', ignored, most),
    vscode.workspace.findFiles('**/.strata/.gitignore', ignored, most),
  ]);
  const folders = new Set([
    ...files.map(({ fsPath }) => join(dirname(fsPath), '.strata')),
    ...marks.map(({ fsPath }) => dirname(fsPath)),
    ...(vscode.workspace.workspaceFolders ?? []).map(({ uri }) => join(uri.fsPath, '.strata')),
  ]);
  const there = await Promise.all([...folders].map(async (folder) => ((await exists(folder)) ? [folder] : [])));
  return there.flat().sort();
}

/** Calls `changed` when an experiment file or a `.strata` folder appears or goes. */
export function watchHomes(changed: () => void): vscode.Disposable {
  const watchers = ['**/*.strata.yaml', '**/.strata'].map((pattern) =>
    vscode.workspace.createFileSystemWatcher(pattern, false, true, false),
  );
  return vscode.Disposable.from(
    ...watchers.flatMap((watcher) => [watcher, watcher.onDidCreate(changed), watcher.onDidDelete(changed)]),
    vscode.workspace.onDidChangeWorkspaceFolders(changed),
  );
}
