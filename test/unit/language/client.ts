import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type CodeLens,
  createProtocolConnection,
  type Diagnostic,
  type InitializeResult,
  IPCMessageReader,
  IPCMessageWriter,
  type ProtocolConnection,
} from 'vscode-languageserver/node';
import { needs, root } from '../../support.ts';

const server = join(root, 'dist', 'server.cjs');

export const needsServer = needs('server', existsSync(server), 'dist/server.cjs is not built (npm run build)');

/** The language server as a process of its own, as the editor starts it. */
export interface Client {
  connection: ProtocolConnection;
  capabilities: InitializeResult['capabilities'];
  /** The diagnostics that were sent last, once `until` holds of them. */
  diagnostics(uri: string, until: (found: Diagnostic[]) => boolean): Promise<Diagnostic[]>;
  /** Asks until the answer is there that the server reads in the background. */
  lenses(uri: string, until: (found: CodeLens[]) => boolean): Promise<CodeLens[]>;
  open(file: string, text: string): string;
  change(uri: string, version: number, text: string): void;
  stop(): Promise<number | null>;
}

export async function startServer(options: object = {}): Promise<Client> {
  const child = fork(server, ['--node-ipc'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const connection = createProtocolConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  const sent = new Map<string, Diagnostic[]>();
  let news = () => {};
  connection.onNotification('textDocument/publishDiagnostics', (params: { uri: string; diagnostics: Diagnostic[] }) => {
    sent.set(params.uri, params.diagnostics);
    news();
  });
  for (const refresh of ['workspace/codeLens/refresh', 'workspace/inlayHint/refresh'])
    connection.onRequest(refresh, () => {
      news();
      return null;
    });
  // Only defects are logged: a test that waits for what never comes says why.
  connection.onNotification('window/logMessage', ({ message }: { message: string }) => console.error(message));
  connection.onRequest('client/registerCapability', () => null);
  connection.listen();
  const workspace = { codeLens: { refreshSupport: true }, inlayHint: { refreshSupport: true } };
  const { capabilities } = await connection.sendRequest<InitializeResult>('initialize', {
    processId: process.pid,
    rootUri: null,
    capabilities: { workspace },
    initializationOptions: options,
  });
  await connection.sendNotification('initialized', {});

  const next = () =>
    new Promise<void>((done) => {
      news = done;
    });
  return {
    connection,
    capabilities,
    async diagnostics(uri, until) {
      for (;;) {
        const found = sent.get(uri);
        if (found && until(found)) return found;
        await next();
      }
    },
    async lenses(uri, until) {
      for (;;) {
        const more = next();
        const found = await connection.sendRequest<CodeLens[]>('textDocument/codeLens', { textDocument: { uri } });
        if (until(found)) return found;
        await more;
      }
    },
    open(file, text) {
      const uri = pathToFileURL(file).href;
      void connection.sendNotification('textDocument/didOpen', {
        textDocument: { uri, languageId: 'strata', version: 1, text },
      });
      return uri;
    },
    change(uri, version, text) {
      void connection.sendNotification('textDocument/didChange', {
        textDocument: { uri, version },
        contentChanges: [{ text }],
      });
    },
    async stop() {
      await connection.sendRequest('shutdown');
      await connection.sendNotification('exit');
      return ended;
    },
  };
}
