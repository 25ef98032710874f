import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { exists } from '../base/files.ts';
import { type App, complain, strata } from './app.ts';
import { asExperimentPath } from './experiment-path.ts';
import { failure } from './program.ts';

/** Writes a commented experiment file for a model folder and opens it. */
export async function newExperiment(app: App, model?: vscode.Uri, file?: vscode.Uri): Promise<void> {
  const folder = model ?? (await pickFolder(vscode.l10n.t('Folder of the model'), vscode.l10n.t('Use This Model')));
  if (!folder) return;
  const target = file ?? (await pickFile());
  if (!target) return;
  const path = target.fsPath;
  const made = await strata(app, ['init', folder.fsPath, path], { cwd: dirname(path) });
  if (made.code !== 0) return complain(app, failure(made));
  await vscode.window.showTextDocument(target);
}

async function pickFolder(title: string, openLabel: string): Promise<vscode.Uri | undefined> {
  const options = { canSelectFolders: true, canSelectFiles: false, title, openLabel };
  return (await vscode.window.showOpenDialog(options))?.[0];
}

async function pickFile(): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Experiment file'),
    // Dialogs know the last part of an ending only: with `strata.yaml` some would add it to what ends so.
    filters: { Strata: ['yaml', 'yml'] },
    ...(folder && { defaultUri: vscode.Uri.joinPath(folder, 'experiment.strata.yaml') }),
  });
  return chosen?.with({ path: asExperimentPath(chosen.path) });
}

/** What of `samples/` a copy needs: the trained base, the data, and the experiments on it. */
const sampleParts = ['base', 'data', 'shallow-vs-rivals.strata.yaml'];
const firstFile = 'shallow-vs-rivals.strata.yaml';

/** Copies the sample world into a folder of the user's and opens its experiment. Nothing there is overwritten. */
export async function openSampleWorld(app: App, folder?: vscode.Uri): Promise<void> {
  const parent =
    folder ?? (await pickFolder(vscode.l10n.t('Where the sample world is to be copied'), vscode.l10n.t('Copy Here')));
  if (!parent) return;
  const target = join(parent.fsPath, 'strata-samples');
  if (!(await exists(target))) {
    await mkdir(target, { recursive: true });
    const source = join(app.context.extensionPath, 'samples');
    for (const part of sampleParts) await cp(join(source, part), join(target, part), { recursive: true });
  }
  const file = vscode.Uri.file(join(target, firstFile));
  if (vscode.workspace.getWorkspaceFolder(file)) {
    await vscode.window.showTextDocument(file);
    return;
  }
  // An empty window takes the folder; one that is in use is left alone.
  const empty = vscode.workspace.workspaceFolders === undefined;
  await vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(target), { forceNewWindow: !empty });
}
