import * as vscode from 'vscode';
import type { RunIndex } from './index.ts';
import { type RunNode, RunTree } from './tree.ts';

/** The Runs view: one tree, drawn from plain rows. */
export class RunsView implements vscode.TreeDataProvider<RunNode>, vscode.Disposable {
  readonly tree = new RunTree();
  readonly view: vscode.TreeView<RunNode>;
  readonly #changed = new vscode.EventEmitter<RunNode | RunNode[] | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #subscription: { dispose(): void };
  /** Rows as VS Code holds them: what is drawn again must be the same object. */
  readonly #rows = new Map<string, RunNode>();

  constructor(index: RunIndex) {
    this.tree.update({ changed: index.entries(), removed: [] });
    this.#subscription = index.onChange((change) => {
      const keys = this.tree.update(change);
      if (keys === undefined) this.#changed.fire(undefined);
      else {
        const shown = keys.flatMap((key) => this.#rows.get(key) ?? []);
        if (shown.length > 0) this.#changed.fire(shown);
      }
    });
    const options = { treeDataProvider: this, canSelectMany: true, showCollapseAll: true };
    this.view = vscode.window.createTreeView('strata.runs', options);
  }

  /** Shows the row of an experiment, without taking the focus. */
  async reveal(file: string): Promise<void> {
    const row = this.getChildren().find((node) => node.file === file);
    if (row) await this.view.reveal(row, { focus: false, select: true, expand: true });
  }

  getChildren(node?: RunNode): RunNode[] {
    return (node ? this.tree.children(node) : this.tree.roots()).map((child) => this.#row(child));
  }

  getParent(node: RunNode): RunNode | undefined {
    const parent = this.tree.parent(node);
    return parent && this.#row(parent);
  }

  getTreeItem(node: RunNode): vscode.TreeItem {
    const { label, description, icon, context, spoken, tooltip, kind } = this.tree.node(node.key) ?? node;
    const item = new vscode.TreeItem(label, collapse[kind]);
    item.id = node.key;
    item.description = description;
    item.iconPath = new vscode.ThemeIcon(
      icon.id,
      icon.color === undefined ? undefined : new vscode.ThemeColor(icon.color),
    );
    item.contextValue = context;
    item.accessibilityInformation = { label: spoken };
    item.tooltip = tooltip.join('\n');
    return item;
  }

  dispose(): void {
    this.view.dispose();
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  #row(node: RunNode): RunNode {
    const known = this.#rows.get(node.key);
    if (known) return Object.assign(known, node);
    this.#rows.set(node.key, node);
    return node;
  }
}

const collapse: Record<RunNode['kind'], vscode.TreeItemCollapsibleState> = {
  experiment: vscode.TreeItemCollapsibleState.Expanded,
  arm: vscode.TreeItemCollapsibleState.Collapsed,
  run: vscode.TreeItemCollapsibleState.None,
  damaged: vscode.TreeItemCollapsibleState.None,
};
