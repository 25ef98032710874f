import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ModelDifference } from '../model/difference.ts';
import { type App, complain, signalOf, strata } from './app.ts';
import { workspaceFolder } from './documents.ts';
import { drawDifferences } from './layers/differences.ts';
import { failure } from './program.ts';
import { isDamaged } from './runs/entry.ts';

/** Asks for two checkpoints (folders or runs) and shows what differs between them. The weights are read by another process. */
export async function compareCheckpoints(app: App, a?: vscode.Uri, b?: vscode.Uri): Promise<void> {
  const first = a?.fsPath ?? (await pick(app, vscode.l10n.t('Compare this checkpoint…')));
  const second = first && (b?.fsPath ?? (await pick(app, vscode.l10n.t('…with this one'))));
  if (!first || !second) return;
  const title = `${basename(first)} → ${basename(second)}`;
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  const finished = await vscode.window.withProgress(options, (_, token) =>
    strata(app, ['diff', first, second, '--json'], { cwd: workspaceFolder(), signal: signalOf(token) }),
  );
  if (finished.code === 130) return;
  if (finished.code !== 0) return complain(app, failure(finished));
  await app.layers.showTree(title, drawDifferences(title, JSON.parse(finished.stdout) as ModelDifference));
}

/** A run that has a model, the model of the active experiment, or any folder. */
async function pick(app: App, placeHolder: string): Promise<string | undefined> {
  const runs = app.index.entries().flatMap((entry) => (isDamaged(entry) || !entry.modelled ? [] : [entry]));
  runs.sort((x, y) => y.asked - x.asked);
  const browse = { label: `$(folder-opened) ${vscode.l10n.t('Choose a folder…')}`, folder: undefined };
  const base = app.layers.model;
  const items = [
    browse,
    ...(base === undefined ? [] : [{ label: `$(layers) ${basename(base)}`, description: base, folder: base }]),
    ...runs.map(({ id, folder, arm, seed }) => ({
      label: `$(beaker) ${id}`,
      description: seed === undefined ? arm : vscode.l10n.t('{0}, seed {1}', arm, seed),
      folder,
    })),
  ];
  const picked = await vscode.window.showQuickPick<(typeof items)[number]>(items, {
    placeHolder,
    matchOnDescription: true,
  });
  if (!picked || picked.folder !== undefined) return picked?.folder;
  const chosen = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    title: placeHolder,
  });
  return chosen?.[0]?.fsPath;
}
