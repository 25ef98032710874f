import { join } from 'node:path';
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { type LanguageOptions, trustNotification } from '../protocol/language.ts';
import { coalesced } from './restart.ts';
import { setting } from './settings-read.ts';

/** The language server's life: started with the first experiment file, started again on request and when the folder is trusted. */
export class Language implements vscode.Disposable {
  readonly #context: vscode.ExtensionContext;
  readonly #log: vscode.LogOutputChannel;
  readonly #status: vscode.LanguageStatusItem;
  readonly #subscriptions: vscode.Disposable[] = [];
  #client: LanguageClient | undefined;

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel) {
    this.#context = context;
    this.#log = log;
    this.#status = vscode.languages.createLanguageStatusItem('strata.server', { language: 'strata' });
    this.#status.name = vscode.l10n.t('Strata Language Server');
    this.#status.command = { command: 'strata.restartServer', title: vscode.l10n.t('Restart') };
    this.#say(vscode.l10n.t('Strata: not started'), false);
    this.#subscriptions.push(
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#trust()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('strata.trace.server')) void this.restart();
      }),
    );
  }

  /** The running client, if there is one. */
  get client(): LanguageClient | undefined {
    return this.#client;
  }

  /** Stops the server and starts it again; several requests at once lead to one more start. Never throws. */
  readonly restart = coalesced(async () => {
    const trusted = vscode.workspace.isTrusted;
    this.#say(vscode.l10n.t('Strata: starting'), true);
    try {
      const before = this.#client;
      this.#client = undefined;
      await before?.dispose();
      const { startClient } = await import('./client.ts');
      const server = join(this.#context.extensionPath, 'dist', 'server.cjs');
      this.#client = await startClient(
        server,
        { trusted },
        { output: this.#log, trace: setting('strata.trace.server') },
      );
      this.#say(trusted ? 'Strata' : vscode.l10n.t('Strata: restricted'), false);
      if (!trusted) this.#status.detail = vscode.l10n.t('The folder is not trusted: nothing is run.');
    } catch (error) {
      this.#log.error(`The language server did not start: ${error instanceof Error ? error.message : String(error)}`);
      this.#say(vscode.l10n.t('Strata: language server failed'), false, vscode.LanguageStatusSeverity.Error);
    }
  });

  /** Starts the server when the first experiment file is open. */
  startWithFirstFile(): void {
    const isOurs = ({ languageId }: vscode.TextDocument) => languageId === 'strata';
    if (vscode.workspace.textDocuments.some(isOurs)) {
      void this.restart();
      return;
    }
    const waiting = vscode.workspace.onDidOpenTextDocument((document) => {
      if (!isOurs(document)) return;
      waiting.dispose();
      void this.restart();
    });
    this.#subscriptions.push(waiting);
  }

  /** Trust is granted while the server runs; it is never taken back without a reload. */
  async #trust(): Promise<void> {
    const options: LanguageOptions = { trusted: true };
    await this.#client?.sendNotification(trustNotification, options);
    if (this.#client) this.#say('Strata', false);
  }

  async dispose(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#status.dispose();
    await this.#client?.dispose();
  }

  #say(text: string, busy: boolean, severity = vscode.LanguageStatusSeverity.Information): void {
    this.#status.text = text;
    this.#status.busy = busy;
    this.#status.severity = severity;
    this.#status.detail = undefined;
  }
}
