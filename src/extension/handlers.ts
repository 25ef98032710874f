import * as vscode from 'vscode';
import type { App } from './app.ts';
import { type CommandId, type CommandRow, commands, trusted } from './commands.ts';
import { compareExperiment, compareSelected } from './compare.ts';
import { compareCheckpoints } from './compare-checkpoints.ts';
import { chosenExperiment } from './experiment.ts';
import { newExperiment, openSampleWorld } from './first-steps.ts';
import { probeHost, runOn } from './hosts/commands.ts';
import { followElsewhere } from './hosts/follow.ts';
import type { HostNode } from './hosts/tree.ts';
import { type LayerNode, noScale } from './layers/node.ts';
import { runExperiment, showPlan } from './run.ts';
import { deleteRuns, diffSpecs, onRun } from './run-commands.ts';
import type { RunNode } from './runs/tree.ts';

type Handler = (app: App, ...args: never[]) => unknown;

/** The run that a command means: its argument (a row), else the selected row. */
const withRun =
  (work: (typeof onRun)[keyof typeof onRun]): Handler =>
  (app: App, argument?: RunNode) => {
    const folder = (rowOf(argument) ?? app.runs.view.selection[0])?.folder;
    // A row of before may be out of date; other parts of the extension name the folder only.
    const node = folder === undefined ? undefined : app.runs.tree.node(folder);
    return node && work(app, { ...node, folder: folder! });
  };

const rowOf = (argument: RunNode | undefined) => (argument?.folder === undefined ? undefined : argument);
/** Several selected rows, or the one that was clicked. */
const rowsOf = (argument: RunNode | undefined, selected?: readonly RunNode[]): readonly RunNode[] =>
  selected && selected.length > 0 ? selected : argument ? [argument] : [];

/** What each command does; the table of commands says where it stands and when it can be used. */
const handlers: { [K in CommandId]: Handler } = {
  'strata.run': async (app, ...args: unknown[]) => {
    const chosen = await chosenExperiment(...args);
    return chosen && runExperiment(app, chosen);
  },
  'strata.runOn': (app, ...args: unknown[]) => runOn(app, undefined, ...args),
  'strata.plan': async (app, ...args: unknown[]) => {
    const chosen = await chosenExperiment(...args);
    return chosen && showPlan(app, chosen);
  },
  'strata.compare': async (app, ...args: unknown[]) => {
    const chosen = await chosenExperiment(...args);
    return chosen && compareExperiment(app, chosen);
  },
  'strata.openView': ({ panels }, uri?: vscode.Uri) => panels.openView(uri),
  'strata.newExperiment': (app, model?: vscode.Uri, file?: vscode.Uri) => newExperiment(app, model, file),
  'strata.openSampleWorld': (app, folder?: vscode.Uri) => openSampleWorld(app, folder),
  'strata.doctor': ({ documents }) => documents.show('doctor'),
  'strata.showRuns': () => vscode.commands.executeCommand('strata.runs.focus'),
  'strata.showOutput': ({ log }) => log.show(),
  'strata.restartServer': ({ language }) => language.restart(),

  'strata.layers.chooseArm': (app, arm?: string) => chooseArm(app, arm),
  'strata.layers.chooseImportance': (app, id?: string) => chooseImportance(app, id),
  'strata.layers.openModel': (app, folder?: vscode.Uri) => openModel(app, folder),
  'strata.layers.openResource': (app, folder?: vscode.Uri) => openModel(app, folder),
  'strata.layers.compare': (app, a?: vscode.Uri, b?: vscode.Uri) => compareCheckpoints(app, a, b),
  'strata.layers.follow': ({ layers }) => layers.follow(),
  'strata.layers.refresh': ({ layers }) => layers.refresh(),
  'strata.layers.copyName': (_app, node?: LayerNode) => node?.name && vscode.env.clipboard.writeText(node.name),

  'strata.hosts.refresh': ({ hosts }) => hosts.refresh(),
  'strata.hosts.probe': (app, node?: HostNode | string) => probeHost(app, node),
  'strata.hosts.run': (app, node?: HostNode | string) => {
    const host = typeof node === 'string' ? node : node?.host;
    return runOn(app, host === undefined ? undefined : `ssh:${host}`);
  },

  'strata.runs.refresh': async (app) => {
    await app.refreshHomes();
    await followElsewhere(app);
  },
  'strata.runs.openExperiment': async (_app, node?: RunNode) =>
    node?.file && vscode.window.showTextDocument(vscode.Uri.file(node.file)),
  'strata.runs.cancel': withRun(onRun.cancel),
  'strata.runs.resume': withRun(onRun.resume),
  'strata.runs.attach': withRun(onRun.attach),
  'strata.runs.log': withRun(onRun.log),
  'strata.runs.verify': withRun(onRun.verify),
  'strata.runs.openModel': withRun(onRun.openModel),
  'strata.runs.reveal': withRun(onRun.reveal),
  'strata.runs.copyId': withRun(onRun.copyId),
  'strata.runs.compare': (app, node?: RunNode, selected?: RunNode[]) => compareSelected(app, rowsOf(node, selected)),
  'strata.runs.diff': (_app, node?: RunNode, selected?: RunNode[]) => diffSpecs(rowsOf(node, selected)),
  'strata.runs.delete': (app, node?: RunNode, selected?: RunNode[]) => deleteRuns(app, rowsOf(node, selected)),
};

async function chooseArm(app: App, arm?: string): Promise<void> {
  if (arm !== undefined) return app.layers.chooseArm(arm);
  const plain = { label: vscode.l10n.t('The model as it is'), arm: undefined, description: '' };
  const items = app.layers.arms.map(({ name, words, pending }) => ({
    label: name,
    description: pending ?? words,
    arm: name,
  }));
  const picked = await vscode.window.showQuickPick([plain, ...items], {
    placeHolder: vscode.l10n.t('Which arm is drawn into the layers?'),
  });
  if (picked) await app.layers.chooseArm(picked.arm);
}

async function chooseImportance({ layers }: App, id?: string): Promise<void> {
  if (id !== undefined) return layers.chooseScale(id);
  if (layers.scales.length === 0) {
    const text = vscode.l10n.t(
      'Nothing was measured of this model. Add the key analysis to its experiment and run it.',
    );
    void vscode.window.showInformationMessage(text);
    return;
  }
  const items = layers.scales.map(({ id, label, detail }) => ({
    id,
    label: id === layers.scale ? `$(check) ${label}` : label,
    description: detail,
  }));
  const none = { id: noScale, label: vscode.l10n.t('None'), description: '' };
  const picked = await vscode.window.showQuickPick([...items, none], {
    placeHolder: vscode.l10n.t('Which importance is drawn on the layers?'),
  });
  if (picked) await layers.chooseScale(picked.id);
}

async function openModel(app: App, folder?: vscode.Uri): Promise<void> {
  const [chosen] = folder
    ? [folder]
    : ((await vscode.window.showOpenDialog({
        canSelectFolders: true,
        canSelectFiles: false,
        openLabel: vscode.l10n.t('Show Layers'),
        title: vscode.l10n.t('Folder of a checkpoint or of a run'),
      })) ?? []);
  if (chosen) await app.layers.showFolder(chosen.fsPath);
}

/** Registers every command of the table. What went wrong is said by VS Code, with the message of the error. */
export function registerCommands(app: App): vscode.Disposable {
  const entries = Object.entries(handlers) as [CommandId, (app: App, ...args: unknown[]) => unknown][];
  return vscode.Disposable.from(
    ...entries.map(([id, handle]) =>
      vscode.commands.registerCommand(id, (...args: unknown[]) => (isAllowed(id) ? handle(app, ...args) : refused())),
    ),
  );
}

/** Menus hide what an untrusted folder does not allow; a code lens, a link or another extension would get it all the same. */
function isAllowed(id: CommandId): boolean {
  const { enablement }: CommandRow = commands[id];
  return enablement !== trusted || vscode.workspace.isTrusted;
}

function refused(): undefined {
  const manage = vscode.l10n.t('Manage Workspace Trust');
  const text = vscode.l10n.t('This folder is not trusted: nothing of it is run or evaluated.');
  vscode.window.showWarningMessage(text, manage).then((chosen) => {
    if (chosen === manage) void vscode.commands.executeCommand('workbench.trust.manage');
  });
  return undefined;
}
