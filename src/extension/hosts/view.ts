import * as vscode from 'vscode';
import type { Finding } from '../../launch/finding.ts';
import type { ListedHost } from '../../launch/hosts.ts';
import { type Finished, failure } from '../program.ts';
import { findingNode, type HostNode, hostNode, type Looked } from './tree.ts';

/** Runs a verb of the command line in the workspace, with dialogs for what ssh asks. */
export type RunVerb = (verb: readonly string[], signal?: AbortSignal) => Promise<Finished>;

/** The Hosts view: hosts that runs can go to, and below each what it offers, once it was looked at. */
export class HostsView implements vscode.TreeDataProvider<HostNode>, vscode.Disposable {
  readonly view: vscode.TreeView<HostNode>;
  readonly #verb: RunVerb;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #looked = new Map<string, Looked>();
  #hosts: Promise<ListedHost[]> | undefined;
  #problem: string | undefined;

  constructor(verb: RunVerb) {
    this.#verb = verb;
    this.view = vscode.window.createTreeView('strata.hosts', { treeDataProvider: this, showCollapseAll: true });
  }

  /** Hosts by name, the last used first; [] with the reason in the view when they cannot be listed. */
  hosts(): Promise<ListedHost[]> {
    this.#hosts ??= this.#list();
    return this.#hosts;
  }

  refresh(): void {
    this.#hosts = undefined;
    this.#changed.fire(undefined);
  }

  /** Looks at a host, and shows what it offers. */
  async look(host: string): Promise<Looked> {
    this.#looked.set(host, 'looking');
    this.#changed.fire(undefined);
    const finished = await this.#verb(['probe', host, '--json']);
    const looked: Looked = finished.stdout.startsWith('{')
      ? { findings: (JSON.parse(finished.stdout) as { findings: Finding[] }).findings }
      : { problem: failure(finished) };
    this.#looked.set(host, looked);
    this.refresh();
    return looked;
  }

  async #list(): Promise<ListedHost[]> {
    const finished = await this.#verb(['hosts', '--json']);
    this.#problem = finished.code === 0 ? undefined : failure(finished);
    this.view.message = this.#problem;
    return this.#problem === undefined ? (JSON.parse(finished.stdout) as { hosts: ListedHost[] }).hosts : [];
  }

  async getChildren(node?: HostNode): Promise<HostNode[]> {
    if (node === undefined) return (await this.hosts()).map((host) => hostNode(host, this.#looked.get(host.name)));
    const looked = this.#looked.get(node.host);
    if (node.kind === 'finding' || looked === undefined || looked === 'looking' || 'problem' in looked) return [];
    return looked.findings.map((finding, i) => findingNode(node.host, finding, i));
  }

  getTreeItem({ key, kind, host, label, description, icon, context, spoken, tooltip }: HostNode): vscode.TreeItem {
    const looked = this.#looked.get(host);
    const open = kind === 'host' && typeof looked === 'object' && 'findings' in looked;
    const { None, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(label, open ? Expanded : None);
    // A row that can be opened from now on is another row to VS Code.
    item.id = open ? `${key}\nlooked` : key;
    item.description = description;
    item.iconPath = new vscode.ThemeIcon(
      icon.id,
      icon.color === undefined ? undefined : new vscode.ThemeColor(icon.color),
    );
    item.contextValue = context;
    item.accessibilityInformation = { label: spoken };
    item.tooltip = tooltip;
    return item;
  }

  dispose(): void {
    this.view.dispose();
    this.#changed.dispose();
  }
}
