import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { exists } from '../base/files.ts';
import type { RunIndex } from './runs/index.ts';
import type { RunWatcher } from './runs/watch.ts';

/** More experiment files than this in one workspace are not looked for. */
const most = 2000;
const ignored = '**/{node_modules,.git}/**';

/** `.strata` folders of the workspace: beside every experiment file, and every other one that has held runs. */
async function findHomes(): Promise<{ homes: string[]; experiments: number }> {
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
  return { homes: there.flat().sort(), experiments: files.length };
}

/** Looks for the folders again and at all runs in them; the views then know what there is to say where they are empty. */
export function homesRefresher(index: RunIndex, watcher: RunWatcher): () => Promise<void> {
  const setContext = (key: string, value: boolean) => vscode.commands.executeCommand('setContext', key, value);
  return async () => {
    const { homes, experiments } = await findHomes();
    await index.setHomes(homes);
    watcher.follow();
    await setContext('strata.hasExperiments', experiments > 0);
    await setContext('strata.runs.looked', true);
  };
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
