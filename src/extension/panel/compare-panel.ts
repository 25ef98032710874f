import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { type Problem, sentence } from '../../base/problem.ts';
import { spoken } from '../../base/translate.ts';
import {
  type PanelChoice,
  type PanelSource,
  type PanelState,
  type PanelView,
  parseToHost,
  type ToHost,
  type ToPanel,
} from '../../protocol/panel.ts';
import { panelHtml } from './html.ts';
import { startThread, type Thread } from './thread-client.ts';
import { formatView, viewEnding } from './view-file.ts';

export interface PanelOptions {
  source: PanelSource;
  choice?: PanelChoice;
  /** Of a saved view; a panel that comes back after a reload has its own. */
  view?: PanelView;
}

interface Surroundings {
  context: vscode.ExtensionContext;
  log: vscode.LogOutputChannel;
}

type Handlers = { [K in ToHost['type']]: (message: Extract<ToHost, { type: K }>) => unknown };

/** One open comparison: the webview, and the thread that reads and compares while the webview is looked at. */
export class ComparePanel implements vscode.Disposable {
  readonly source: PanelSource;
  readonly #panel: vscode.WebviewPanel;
  readonly #surroundings: Surroundings;
  readonly #view: PanelView | undefined;
  readonly #disposables: vscode.Disposable[] = [];
  #choice: PanelChoice;
  #thread: Thread | undefined;
  #state: PanelState;
  #listens = false;

  constructor(panel: vscode.WebviewPanel, options: PanelOptions, surroundings: Surroundings) {
    this.#panel = panel;
    this.#surroundings = surroundings;
    this.source = options.source;
    this.#choice = options.choice ?? {};
    this.#view = options.view;
    this.#state = { source: this.source, title: titleOf(this.source), choice: this.#choice, runs: [], notices: [] };
    const { webview } = panel;
    const dist = vscode.Uri.joinPath(surroundings.context.extensionUri, 'dist');
    webview.options = { enableScripts: true, localResourceRoots: [dist] };
    this.#disposables.push(
      webview.onDidReceiveMessage((message) => this.#receive(message)),
      panel.onDidChangeViewState(() => this.#watch()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#watch()),
    );
    const address = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString();
    webview.html = panelHtml({
      script: address('panel.js'),
      style: address('panel.css'),
      origin: webview.cspSource,
      nonce: randomBytes(16).toString('hex'),
      title: panel.title,
      language: vscode.env.language,
      texts: spoken(),
    });
  }

  /** The state that was drawn last. */
  get state(): PanelState {
    return this.#state;
  }

  reveal(): void {
    this.#panel.reveal();
  }

  dispose(): void {
    this.#thread?.dispose();
    vscode.Disposable.from(...this.#disposables).dispose();
  }

  #receive(message: unknown): void {
    const known = parseToHost(message);
    if (!known) {
      this.#surroundings.log.warn('The compare panel sent a message that is none.');
      return;
    }
    const handle = this.#handlers[known.type] as (message: ToHost) => unknown;
    Promise.resolve(handle(known)).catch((error: unknown) => this.#surroundings.log.error(String(error)));
  }

  readonly #handlers: Handlers = {
    ready: ({ restored }) => {
      this.#listens = true;
      if (this.#view && !restored) this.#post({ type: 'view', view: this.#view });
      this.#watch();
    },
    choose: ({ choice }) => {
      this.#choice = choice;
      this.#thread?.tell({ type: 'choose', choice });
    },
    retry: () => {
      if (this.#thread) this.#thread.tell({ type: 'retry' });
      else this.#watch();
    },
    copy: async ({ text, what }) => {
      await vscode.env.clipboard.writeText(text);
      say(vscode.l10n.t('Copied as Markdown: {0}', what));
    },
    save: ({ format, name, content }) => {
      const bytes = format === 'png' ? Buffer.from(content, 'base64') : Buffer.from(content, 'utf8');
      return this.#save(`${name}.${format}`, () => bytes);
    },
    export: async ({ format }) => {
      const written = await this.#thread?.write(format);
      if (written?.ok) await this.#save(`${this.#stem}.${format}`, () => Buffer.from(written.value, 'utf8'));
      else if (written) say(sentence(written.problem));
    },
    saveView: ({ view }) =>
      this.#save(`${this.#stem}${viewEnding}`, (file) =>
        Buffer.from(formatView({ source: this.source, choice: this.#choice, view }, file), 'utf8'),
      ),
    openExperiment: () =>
      this.source.kind === 'experiment' && vscode.window.showTextDocument(vscode.Uri.file(this.source.file)),
    showLog: ({ folder }) => {
      // Only runs that the panel shows: the message comes from a page.
      if (this.#state.runs.some((run) => run.folder === folder))
        return vscode.commands.executeCommand('strata.runs.log', { folder });
    },
  };

  /** Reads and compares while somebody looks, and only where the folder is trusted. */
  #watch(): void {
    const on = this.#panel.visible && this.#listens;
    if (!this.#panel.visible) this.#listens = false; // The page is gone with its tab; it says when it is back.
    if (on && !vscode.workspace.isTrusted) {
      this.#show({ ...this.#state, problem: untrusted() });
      return;
    }
    if (on && !this.#thread) this.#start();
    this.#thread?.tell({ type: 'watch', on });
  }

  #start(): void {
    const script = join(this.#surroundings.context.extensionPath, 'dist', 'compare.mjs');
    this.#thread = startThread(script, {
      state: (state) => this.#show(state),
      lost: (result) => {
        this.#thread = undefined;
        if (result.ok) return;
        this.#surroundings.log.error(sentence(result.problem));
        const { busy: _, ...state } = this.#state;
        this.#show({ ...state, problem: result.problem });
      },
    });
    this.#thread.tell({ type: 'open', source: this.source, choice: this.#choice });
  }

  #show(state: PanelState): void {
    this.#state = state;
    this.#panel.title = vscode.l10n.t('Compare: {0}', state.title);
    this.#post({ type: 'state', state });
  }

  #post(message: ToPanel): void {
    if (this.#listens) void this.#panel.webview.postMessage(message);
  }

  get #stem(): string {
    return this.source.kind === 'experiment'
      ? basename(this.source.file).replace(/\.strata\.ya?ml$/, '')
      : 'comparison';
  }

  /** Asks where to, and writes. */
  async #save(name: string, content: (file: string) => Uint8Array): Promise<void> {
    const beside = this.source.kind === 'experiment' ? this.source.file : (this.source.folders[0] ?? '');
    const defaultUri = vscode.Uri.file(join(dirname(beside), name));
    const target = await vscode.window.showSaveDialog({ defaultUri });
    if (!target) return;
    await vscode.workspace.fs.writeFile(target, content(target.fsPath));
    say(vscode.l10n.t('Written: {0}', vscode.workspace.asRelativePath(target)));
  }
}

const untrusted = (): Problem => ({
  code: 'untrusted',
  message: vscode.l10n.t('This folder is not trusted, so its experiments and runs are not read.'),
  remedy: vscode.l10n.t('Trust the folder to compare its runs.'),
});

export function titleOf(source: PanelSource): string {
  return source.kind === 'experiment'
    ? basename(source.file).replace(/\.strata\.ya?ml$/, '')
    : vscode.l10n.t('{0} runs', source.folders.length);
}

const say = (text: string): vscode.Disposable => vscode.window.setStatusBarMessage(text, 6000);
