import * as vscode from 'vscode';
import type { LensArguments } from '../protocol/language.ts';
import type { RunNode } from './runs/tree.ts';

/** An experiment file, and one arm of it if a code lens of an arm was clicked. */
export interface Chosen {
  uri: vscode.Uri;
  arm?: string;
  /** The person was asked already: it starts without another question. */
  confirmed?: boolean;
  /** TARGET where it is to run, when it is not that of the file. */
  on?: string;
}

/**
 * The experiment that a command means: that of its argument (a code lens, a row of the Runs view, an editor's title), of the
 * active editor, or one that is picked among those of the workspace. Undefined: nothing was picked.
 */
export async function chosenExperiment(...args: unknown[]): Promise<Chosen | undefined> {
  const [argument] = args;
  if (argument instanceof vscode.Uri) return { uri: argument };
  if (isLens(args)) return { uri: vscode.Uri.parse(args[0], true), ...(args[1] !== undefined && { arm: args[1] }) };
  if (isRow(argument)) return { uri: vscode.Uri.file(argument.file) };
  const document = vscode.window.activeTextEditor?.document;
  if (document?.languageId === 'strata') return { uri: document.uri };
  const files = await vscode.workspace.findFiles('**/*.strata.yaml', '**/node_modules/**', 200);
  if (files.length === 0) return noExperiment();
  if (files.length === 1) return { uri: files[0]! };
  const items = files.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }));
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('Which experiment?') });
  return picked && { uri: picked.uri };
}

/** Says that there is nothing to work on, and how to get something. */
function noExperiment(): undefined {
  const make = vscode.l10n.t('New Experiment…');
  const sample = vscode.l10n.t('Open Sample World…');
  const text = vscode.l10n.t('There is no experiment file (*.strata.yaml) in this workspace.');
  vscode.window.showInformationMessage(text, make, sample).then((chosen) => {
    if (chosen === make) void vscode.commands.executeCommand('strata.newExperiment');
    if (chosen === sample) void vscode.commands.executeCommand('strata.openSampleWorld');
  });
  return undefined;
}

function isLens(args: unknown[]): args is LensArguments {
  const [uri, arm] = args;
  return typeof uri === 'string' && (arm === undefined || typeof arm === 'string');
}

function isRow(value: unknown): value is RunNode & { file: string } {
  const { kind, file } = (value ?? {}) as Partial<RunNode>;
  return kind === 'experiment' && typeof file === 'string';
}

/** Saves the file if it is open and changed: what is run is what is seen. False: it could not be saved. */
export async function saved({ uri }: Chosen): Promise<boolean> {
  const document = vscode.workspace.textDocuments.find((d) => d.uri.toString() === uri.toString());
  return document?.isDirty ? document.save() : true;
}
