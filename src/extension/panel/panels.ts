import * as vscode from 'vscode';
import { attempt, sentence } from '../../base/problem.ts';
import { isPanelMemory, type PanelSource, panelProtocol } from '../../protocol/panel.ts';
import { ComparePanel, type PanelOptions, titleOf } from './compare-panel.ts';
import { parseView } from './view-file.ts';

const viewType = 'strata.compare';

/** All open comparisons; one of each source. Those of before a reload come back by themselves. */
export class ComparePanels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  readonly #surroundings: { context: vscode.ExtensionContext; log: vscode.LogOutputChannel };
  readonly #open = new Map<string, ComparePanel>();
  readonly #registration: vscode.Disposable;

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel) {
    this.#surroundings = { context, log };
    this.#registration = vscode.window.registerWebviewPanelSerializer(viewType, this);
  }

  /** Those that are open. */
  get all(): readonly ComparePanel[] {
    return [...this.#open.values()];
  }

  /** Opens the comparison, or shows the one that is open already. */
  open(options: PanelOptions): ComparePanel {
    const known = this.#open.get(keyOf(options.source));
    // A saved view is asked for as it was saved, whatever became of the open one.
    if (known && !options.view) {
      known.reveal();
      return known;
    }
    const title = vscode.l10n.t('Compare: {0}', titleOf(options.source));
    return this.#adopt(vscode.window.createWebviewPanel(viewType, title, vscode.ViewColumn.Active), options);
  }

  /** Opens a saved view; without one, asks for it. */
  async openView(uri?: vscode.Uri): Promise<ComparePanel | undefined> {
    const [file] = uri ? [uri] : ((await vscode.window.showOpenDialog({ filters: viewFilter() })) ?? []);
    if (!file) return undefined;
    const bytes = await vscode.workspace.fs.readFile(file);
    const saved = await attempt(() => parseView(Buffer.from(bytes).toString('utf8'), file.fsPath));
    if (saved.ok) return this.open(saved.value);
    vscode.window.showErrorMessage(sentence(saved.problem));
    return undefined;
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, memory: unknown): Promise<void> {
    if (isPanelMemory(memory) && memory.protocol === panelProtocol) this.#adopt(panel, memory);
    else panel.dispose();
  }

  dispose(): void {
    this.#registration.dispose();
    for (const panel of this.#open.values()) panel.dispose();
  }

  #adopt(webview: vscode.WebviewPanel, { source, choice, view }: PanelOptions): ComparePanel {
    const key = keyOf(source);
    const panel = new ComparePanel(
      webview,
      { source, ...(choice && { choice }), ...(view && { view }) },
      this.#surroundings,
    );
    this.#open.set(key, panel);
    webview.onDidDispose(() => {
      panel.dispose();
      if (this.#open.get(key) === panel) this.#open.delete(key);
    });
    return panel;
  }
}

const keyOf = (source: PanelSource): string =>
  source.kind === 'experiment' ? source.file : JSON.stringify([...source.folders].sort());

const viewFilter = () => ({ [vscode.l10n.t('Saved views')]: ['json'] });
