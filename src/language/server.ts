import { isMainThread, parentPort } from 'node:worker_threads';
import { CodeLensRefreshRequest, createConnection, ProposedFeatures, TextDocuments } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { version } from '../base/version.ts';
import { diagnose } from '../plan/diagnose.ts';
import { type LanguageOptions, trustNotification } from '../protocol/language.ts';
import { fileOf, Views } from './documents.ts';
import { lspDiagnostic } from './lsp.ts';
import { capabilities, handleRequests } from './requests.ts';
import { readResults } from './results.ts';
import { ResultsKeeper } from './results-keeper.ts';
import { orderOfThread, readInThread } from './results-thread.ts';
import { World } from './world.ts';

/** Milliseconds without typing before diagnostics are sent. */
const quiet = 100;

/** The language server's process: connection, open documents, and what is known around them. */
function serve(): void {
  const connection = createConnection(ProposedFeatures.all);
  const documents = new TextDocuments(TextDocument);
  let trusted = true;
  let refreshes = { lenses: false, inlays: false };

  const failed = (error: unknown) =>
    connection.console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  // A client that has gone, or refuses, needs no refresh.
  const refreshLenses = () =>
    void (refreshes.lenses && connection.sendRequest(CodeLensRefreshRequest.type).catch(() => {}));
  const refreshInlays = () => void (refreshes.inlays && connection.languages.inlayHint.refresh().catch(() => {}));

  const world = new World({
    changed(file) {
      for (const document of documents.all()) if (fileOf(document.uri) === file) scheduleDiagnostics(document, 0);
      results.touch(file);
      refreshInlays();
      refreshLenses();
    },
    measured(file) {
      for (const document of documents.all()) if (fileOf(document.uri) === file) scheduleDiagnostics(document, 0);
      refreshInlays();
      refreshLenses();
    },
    failed,
    trusted: () => trusted,
  });
  const results = new ResultsKeeper({
    read: (text, file) => readInThread(new URL(import.meta.url), text, file),
    changed() {
      refreshLenses();
      void world.remeasure().catch(failed);
    },
    failed,
  });
  const views = new Views(world);

  connection.onInitialize(({ initializationOptions, capabilities: client }) => {
    trusted = (initializationOptions as LanguageOptions | undefined)?.trusted ?? true;
    refreshes = {
      lenses: client.workspace?.codeLens?.refreshSupport === true,
      inlays: client.workspace?.inlayHint?.refreshSupport === true,
    };
    return { serverInfo: { name: 'strata', version }, capabilities };
  });

  connection.onNotification(trustNotification, (options: LanguageOptions | undefined) => {
    trusted = options?.trusted ?? true;
    world.refresh();
  });

  const timers = new Map<string, NodeJS.Timeout>();
  function scheduleDiagnostics({ uri }: TextDocument, delay = quiet): void {
    clearTimeout(timers.get(uri));
    timers.set(
      uri,
      setTimeout(() => sendDiagnostics(uri), delay),
    );
  }
  function sendDiagnostics(uri: string): void {
    timers.delete(uri);
    const document = documents.get(uri);
    if (!document) return;
    try {
      const view = views.of(document);
      const diagnostics = diagnose(view, view.facts, view.plan).map((d) => lspDiagnostic(document, d));
      void connection.sendDiagnostics({ uri, version: document.version, diagnostics });
    } catch (error) {
      failed(error);
    }
  }

  documents.onDidChangeContent(({ document }) => scheduleDiagnostics(document));
  documents.onDidClose(({ document: { uri } }) => {
    clearTimeout(timers.get(uri));
    timers.delete(uri);
    views.close(uri);
    results.close(fileOf(uri));
    void connection.sendDiagnostics({ uri, diagnostics: [] });
  });

  handleRequests(connection, {
    documents,
    view: (document) => views.of(document),
    // Counting what a result rests on runs the model's tokenizer, so an untrusted folder shows none.
    lensOptions: (view) => ({ trusted, ...(trusted && { results: results.of(view) }) }),
    failed,
  });

  connection.onShutdown(() => {
    world.dispose();
    results.dispose();
  });
  documents.listen(connection);
  connection.listen();
}

/** As a thread of itself: reads the results that it was started for. */
async function answer(): Promise<void> {
  const { text, file } = orderOfThread();
  parentPort?.postMessage(await readResults(text, file));
}

if (isMainThread) serve();
else void answer();
