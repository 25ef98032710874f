import { watch } from 'node:fs';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { attempt, sentence } from '../../base/problem.ts';
import { heatColour } from '../colours.ts';
import type { Described } from './describe.ts';
import type { Heat } from './importance.ts';
import type { LayerNode, Mark } from './node.ts';

/** What the view shows: the active experiment with the arm chosen for it, one folder, or a tree made elsewhere. */
type Source =
  | { kind: 'active' }
  | { kind: 'folder'; folder: string }
  | { kind: 'tree'; title: string; root: LayerNode };

const scheme = 'strata-layer';
const pause = 250;
const scaleKey = 'importance';
const nothing: Described = { arms: [], scales: [] };

const icons: Record<Mark, { id: string; color?: string }> = {
  new: { id: 'diff-added', color: 'charts.green' },
  pruned: { id: 'diff-removed', color: 'charts.red' },
  merged: { id: 'git-merge', color: 'charts.purple' },
  trained: { id: 'flame', color: 'charts.orange' },
  partly: { id: 'flame', color: 'charts.yellow' },
  adapted: { id: 'plug', color: 'charts.blue' },
  frozen: { id: 'lock' },
  changed: { id: 'edit', color: 'charts.orange' },
  differs: { id: 'diff-modified', color: 'charts.orange' },
};
const plainIcons: Record<LayerNode['kind'], string> = {
  model: 'layers',
  layer: 'symbol-structure',
  module: 'symbol-class',
  tensor: 'symbol-array',
};

/** The Layers view: one tree, drawn from plain rows. */
export class LayersView
  implements vscode.TreeDataProvider<LayerNode>, vscode.FileDecorationProvider, vscode.Disposable
{
  readonly view: vscode.TreeView<LayerNode>;
  readonly #context: vscode.ExtensionContext;
  readonly #log: vscode.LogOutputChannel;
  readonly #homes: () => readonly string[];
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #decorated = new vscode.EventEmitter<undefined>();
  readonly onDidChangeFileDecorations = this.#decorated.event;
  readonly #subscriptions: vscode.Disposable[];
  #source: Source = { kind: 'active' };
  #document: vscode.TextDocument | undefined;
  #root: LayerNode | undefined;
  #described: Described = nothing;
  #parents = new Map<LayerNode, LayerNode>();
  #watched: { folder: string; close(): void } | undefined;
  #soon: NodeJS.Timeout | undefined;
  /** Counts drawings, so that a slow one does not replace a newer one. */
  #turn = 0;

  /** `homes`: the `.strata` folders that are known. */
  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel, homes: () => readonly string[]) {
    this.#context = context;
    this.#log = log;
    this.#homes = homes;
    this.view = vscode.window.createTreeView('strata.layers', { treeDataProvider: this, showCollapseAll: true });
    this.#document = isExperiment(vscode.window.activeTextEditor?.document);
    this.#subscriptions = [
      this.view,
      this.#changed,
      this.#decorated,
      vscode.window.registerFileDecorationProvider(this),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        const document = isExperiment(editor?.document);
        if (!document || document === this.#document) return;
        this.#document = document;
        this.#refreshSoon();
      }),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document === this.#document) this.#refreshSoon();
      }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        if (document !== this.#document) return;
        this.#document = undefined;
        this.#refreshSoon();
      }),
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible) this.#refreshSoon();
      }),
    ];
  }

  /** The arms of the experiment that is shown. */
  get arms(): Described['arms'] {
    return this.#described.arms;
  }
  get arm(): string | undefined {
    return this.#described.arm;
  }
  /** Importance that can be drawn. */
  get scales(): Described['scales'] {
    return this.#described.scales;
  }
  get scale(): string | undefined {
    return this.#described.scale;
  }
  /** Folder of the model that is shown. */
  get model(): string | undefined {
    return this.#described.model;
  }
  get root(): LayerNode | undefined {
    return this.#root;
  }

  /** Draws this arm from now on; undefined: the model as it is. Remembered for the file. */
  async chooseArm(arm: string | undefined): Promise<void> {
    if (this.#document) await this.#context.workspaceState.update(armKey(this.#document.uri), arm);
    await this.refresh();
  }

  /** Draws this importance from now on, whatever the model; `noScale`: none. */
  async chooseScale(id: string): Promise<void> {
    await this.#context.workspaceState.update(scaleKey, id);
    await this.refresh();
  }

  /** Something was measured, of whichever model. */
  measured(): void {
    this.#refreshSoon();
  }

  async showFolder(folder: string): Promise<void> {
    this.#source = { kind: 'folder', folder };
    await this.refresh();
    await this.#reveal();
  }

  async showTree(title: string, root: LayerNode): Promise<void> {
    this.#source = { kind: 'tree', title, root };
    await this.refresh();
    await this.#reveal();
  }

  /** Back to the experiment in the editor. */
  async follow(): Promise<void> {
    this.#source = { kind: 'active' };
    await this.refresh();
  }

  async refresh(): Promise<void> {
    clearTimeout(this.#soon);
    const turn = ++this.#turn;
    const described = await this.#describe();
    if (turn !== this.#turn) return;
    this.#described = described;
    this.#root = described.root;
    this.#parents = parentsOf(described.root);
    this.view.message = described.problem;
    this.view.description = this.#source.kind === 'tree' ? this.#source.title : described.root?.label;
    this.#watchModel(described.model);
    await Promise.all([
      vscode.commands.executeCommand('setContext', 'strata.layers.hasArms', described.arms.length > 0),
      vscode.commands.executeCommand('setContext', 'strata.layers.pinned', this.#source.kind !== 'active'),
      vscode.commands.executeCommand('setContext', 'strata.layers.hasImportance', described.scales.length > 0),
    ]);
    this.#changed.fire(undefined);
    this.#decorated.fire(undefined);
  }

  getChildren(node?: LayerNode): LayerNode[] {
    if (node) return node.children;
    return this.#root ? [this.#root] : [];
  }

  getParent(node: LayerNode): LayerNode | undefined {
    return this.#parents.get(node);
  }

  getTreeItem(node: LayerNode): vscode.TreeItem {
    const { key, kind, label, description, marks, spoken, tooltip, children, name, heat } = node;
    const [first] = marks;
    const { Expanded, Collapsed, None } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(
      first === 'pruned' ? struckThrough(label) : label,
      children.length === 0 ? None : kind === 'model' ? Expanded : Collapsed,
    );
    const icon: { id: string; color?: string } = first ? icons[first] : { id: plainIcons[kind] };
    const color = icon.color ?? (heat && heatColour(heat));
    item.id = `${this.#root?.label}/${key}`;
    item.description = description;
    item.iconPath = new vscode.ThemeIcon(icon.id, color === undefined ? undefined : new vscode.ThemeColor(color));
    item.accessibilityInformation = { label: spoken };
    item.tooltip = tooltip.join('\n');
    item.contextValue = name === undefined ? kind : `${kind} named`;
    if (first || heat)
      item.resourceUri = vscode.Uri.from({ scheme, path: `/${key}`, query: first ?? '', fragment: `${heat ?? ''}` });
    return item;
  }

  provideFileDecoration(uri: vscode.Uri): vscode.FileDecoration | undefined {
    if (uri.scheme !== scheme) return undefined;
    const decoration = decorations[uri.query as Mark];
    const color = uri.fragment === '' ? decoration?.color : heatColour(Number(uri.fragment) as Heat);
    if (color === undefined) return undefined;
    return new vscode.FileDecoration(decoration?.badge, undefined, new vscode.ThemeColor(color));
  }

  dispose(): void {
    clearTimeout(this.#soon);
    this.#watched?.close();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #refreshSoon(): void {
    clearTimeout(this.#soon);
    if (!this.view.visible) return;
    this.#soon = setTimeout(() => void this.refresh(), pause);
  }

  async #describe(): Promise<Described> {
    const source = this.#source;
    if (source.kind === 'tree') return { ...nothing, root: source.root };
    try {
      // A bundle of its own: parser, schema and planner are loaded with the first tree.
      const { describeExperiment, describeModel, speak } = await import('./describe.ts');
      speak(vscode.l10n.bundle);
      const scale = this.#context.workspaceState.get<string>(scaleKey);
      if (source.kind === 'folder') {
        const described = await attempt(() => describeModel(source.folder, this.#homes(), { scale }));
        if (described.ok) return described.value;
        return { ...nothing, problem: `${basename(source.folder)}: ${sentence(described.problem)}` };
      }
      if (!this.#document) return nothing;
      const arm = this.#context.workspaceState.get<string>(armKey(this.#document.uri));
      return await describeExperiment(this.#document.getText(), this.#document.uri.fsPath, { arm, scale });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error(`Layers: ${error instanceof Error ? (error.stack ?? message) : message}`);
      return { ...nothing, problem: message };
    }
  }

  async #reveal(): Promise<void> {
    if (this.#root) await this.view.reveal(this.#root, { focus: false, select: true, expand: true });
  }

  #watchModel(folder: string | undefined): void {
    if (this.#watched?.folder === folder) return;
    this.#watched?.close();
    this.#watched = undefined;
    if (folder === undefined) return;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#refreshSoon());
      watcher.on('error', () => watcher.close());
      this.#watched = { folder, close: () => watcher.close() };
    } catch {
      // A folder that is gone is said by the next drawing.
    }
  }
}

const decorations: Partial<Record<Mark, { badge: string; color: string }>> = {
  new: { badge: '+', color: 'charts.green' },
  pruned: { badge: '−', color: 'descriptionForeground' },
  merged: { badge: 'M', color: 'charts.purple' },
};

/** Unicode's combining stroke: a tree item's label has no style of its own. Screen readers are given `spoken` instead. */
function struckThrough(text: string): string {
  return [...text].map((character) => `${character}\u0336`).join('');
}

function armKey(uri: vscode.Uri): string {
  return `arm ${uri.toString()}`;
}

function isExperiment(document: vscode.TextDocument | undefined): vscode.TextDocument | undefined {
  return document?.languageId === 'strata' && document.uri.scheme === 'file' ? document : undefined;
}

function parentsOf(root: LayerNode | undefined): Map<LayerNode, LayerNode> {
  const parents = new Map<LayerNode, LayerNode>();
  const walk = (node: LayerNode): void => {
    for (const child of node.children) {
      parents.set(child, node);
      walk(child);
    }
  };
  if (root) walk(root);
  return parents;
}
