import { join } from 'node:path';
import * as vscode from 'vscode';
import { layout } from '../record/layout.ts';
import { type App, complain, program, strata } from './app.ts';
import { failure } from './program.ts';
import type { RunNode } from './runs/tree.ts';

type OnRun = (app: App, node: RunNode & { folder: string }) => Promise<unknown>;

/** What can be done with one run of the Runs view. */
export const onRun = {
  cancel: (app, { folder, label }) => act(app, ['cancel', folder], vscode.l10n.t('Canceling {0}', label)),
  resume: (app, { folder, label }) => act(app, ['resume', folder], vscode.l10n.t('Resuming {0}', label)),
  log: (app, { folder }) => app.documents.show('log', folder),
  verify: (app, { folder }) => app.documents.show('verify', folder),
  openModel: (app, { folder }) => app.layers.showFolder(folder),
  reveal: async (_app, { folder }) => {
    const spec = vscode.Uri.file(join(folder, layout.spec));
    // Outside the workspace the explorer has nothing to show; the desktop's file manager has.
    const inside = vscode.workspace.getWorkspaceFolder(spec) !== undefined;
    await vscode.commands.executeCommand(inside ? 'revealInExplorer' : 'revealFileInOS', spec);
  },
  copyId: async (_app, { entry, label }) => vscode.env.clipboard.writeText(entry?.id ?? label),
  attach: async ({ context }, { folder, label }) => {
    const { command, args, env } = program(context);
    const name = `Strata: ${label}`;
    vscode.window.createTerminal({ name, shellPath: command, shellArgs: [...args, 'attach', folder], env }).show();
  },
} as const satisfies Record<string, OnRun>;

/** A quick verb on one run; what went wrong is said. */
async function act(app: App, verb: readonly string[], title: string): Promise<void> {
  const finished = await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () =>
    strata(app, verb, { cwd: verb[1]! }),
  );
  await app.index.refresh();
  // `cancel` ends with 1 because the run did not succeed, which is what was asked for.
  if (finished.code !== 0 && !(verb[0] === 'cancel' && finished.code === 1)) complain(app, failure(finished));
}

/** The specs of two runs side by side: what decides their weights. */
export async function diffSpecs(selected: readonly RunNode[]): Promise<void> {
  const [a, b] = selected.filter((node) => node.folder !== undefined);
  if (!a || !b) {
    vscode.window.showInformationMessage(vscode.l10n.t('Select two runs first.'));
    return;
  }
  const spec = ({ folder }: RunNode) => vscode.Uri.file(join(folder!, layout.spec));
  await vscode.commands.executeCommand(
    'vscode.diff',
    spec(a),
    spec(b),
    `${a.entry?.id ?? a.label} ↔ ${b.entry?.id ?? b.label}`,
  );
}

/** Removes runs after a question that names them. */
export async function deleteRuns(app: App, selected: readonly RunNode[]): Promise<void> {
  const doomed = selected.filter((node) => node.folder !== undefined && /\bremovable\b/.test(node.context));
  if (doomed.length === 0) return;
  const remove = vscode.l10n.t('Delete');
  const question =
    doomed.length === 1
      ? vscode.l10n.t('Delete this run with all its files?')
      : vscode.l10n.t('Delete these {0} runs with all their files?', doomed.length);
  const detail = [
    ...doomed.slice(0, 10).map(({ entry, label }) => entry?.id ?? label),
    ...(doomed.length > 10 ? ['…'] : []),
  ].join('\n');
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, remove)) !== remove) return;
  await removeRuns(app, doomed);
}

/** Removes runs without a question. */
export async function removeRuns(app: App, doomed: readonly RunNode[]): Promise<void> {
  const damaged = doomed.filter(({ kind }) => kind === 'damaged');
  const whole = doomed.filter(({ kind }) => kind === 'run').map(({ folder }) => folder!);
  // What cannot be read as a run is no run for `rm` either.
  for (const { folder } of damaged)
    await vscode.workspace.fs.delete(vscode.Uri.file(folder!), { recursive: true, useTrash: false });
  if (whole.length > 0) {
    const finished = await strata(app, ['rm', '--yes', ...whole], { cwd: app.context.extensionPath });
    if (finished.code !== 0) complain(app, failure(finished));
  }
  await app.index.refresh();
}
