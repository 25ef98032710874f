import { dirname, resolve } from 'node:path';
import {
  type CompletionList,
  createConnection,
  ProposedFeatures,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { version } from '../base/version.ts';
import { diagnose } from '../plan/diagnose.ts';
import { type LanguageOptions, trustNotification } from '../protocol/language.ts';
import { complete, folderWanted } from './complete.ts';
import { fileOf, Views } from './documents.ts';
import { readFolder } from './folder.ts';
import { lspDiagnostic, lspItem } from './lsp.ts';
import { World } from './world.ts';

/** The language server's process: it only carries values between the protocol and the functions of this room. */

/** Milliseconds without typing before diagnostics are sent. */
const quiet = 100;

const connection = createConnection(ProposedFeatures.all);
const documents = new TextDocuments(TextDocument);
let trusted = true;

const log = (error: unknown) =>
  connection.console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));

const world = new World({ changed: (file) => worldChanged(file), failed: log, trusted: () => trusted });
const views = new Views(world);

/** Every request has an answer: a defect is logged and answered with nothing. */
function answering<P extends { textDocument: { uri: string } }, R>(
  nothing: R,
  work: (document: TextDocument, params: P) => R | Promise<R>,
): (params: P) => Promise<R> {
  return async (params) => {
    const document = documents.get(params.textDocument.uri);
    if (!document) return nothing;
    try {
      return await work(document, params);
    } catch (error) {
      log(error);
      return nothing;
    }
  };
}

connection.onInitialize(({ initializationOptions }) => {
  trusted = (initializationOptions as LanguageOptions | undefined)?.trusted ?? true;
  return {
    serverInfo: { name: 'strata', version },
    capabilities: {
      textDocumentSync: TextDocumentSyncKind.Incremental,
      completionProvider: { triggerCharacters: [' ', ':', '[', '{', ',', '-', '/', '.', '"', "'", '\n'] },
    },
  };
});

connection.onNotification(trustNotification, (options: LanguageOptions) => {
  trusted = options?.trusted ?? true;
  world.refresh();
});

const timers = new Map<string, NodeJS.Timeout>();

function scheduleDiagnostics(document: TextDocument, delay = quiet): void {
  clearTimeout(timers.get(document.uri));
  timers.set(
    document.uri,
    setTimeout(() => sendDiagnostics(document.uri), delay),
  );
}

function sendDiagnostics(uri: string): void {
  timers.delete(uri);
  const document = documents.get(uri);
  if (!document) return;
  try {
    const view = views.of(document);
    const found = diagnose(view, view.facts, view.plan);
    void connection.sendDiagnostics({
      uri,
      version: document.version,
      diagnostics: found.map((d) => lspDiagnostic(document, d)),
    });
  } catch (error) {
    log(error);
  }
}

function worldChanged(file: string): void {
  for (const document of documents.all()) if (fileOf(document.uri) === file) scheduleDiagnostics(document, 0);
}

documents.onDidChangeContent(({ document }) => scheduleDiagnostics(document));
documents.onDidClose(({ document: { uri } }) => {
  clearTimeout(timers.get(uri));
  timers.delete(uri);
  views.close(uri);
  void connection.sendDiagnostics({ uri, diagnostics: [] });
});

connection.onCompletion(
  answering<Parameters<Parameters<typeof connection.onCompletion>[0]>[0], CompletionList>(
    { isIncomplete: false, items: [] },
    async (document, { position }) => {
      const view = views.of(document);
      const offset = document.offsetAt(position);
      const folder = view.file === '' ? undefined : folderWanted(view, offset);
      const entries = folder === undefined ? [] : await readFolder(resolve(dirname(view.file), folder));
      const items = complete(view, offset, entries);
      // Ranges of layers and paths go on while they are typed.
      const isIncomplete = folder !== undefined || items.some(({ kind }) => kind === 'layer');
      return { isIncomplete, items: items.map((item, i) => lspItem(document, item, i)) };
    },
  ),
);

connection.onShutdown(() => world.dispose());
documents.listen(connection);
connection.listen();
