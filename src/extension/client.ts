import type * as vscode from 'vscode';
import { LanguageClient, Trace, TransportKind } from 'vscode-languageclient/node';

/** What the language server is told at its start. */
export interface ServerOptions {
  /** The folder is trusted: tokenizers may be opened, the model's files read. */
  trusted: boolean;
}

/**
 * Starts the language server, a process of its own. A bundle of its own, too: the client is larger than all the rest of the
 * extension and is loaded with the first experiment file.
 */
export async function startClient(
  module: string,
  options: ServerOptions,
  host: { output: vscode.LogOutputChannel; trace: string },
): Promise<LanguageClient> {
  const client = new LanguageClient(
    'strata',
    'Strata',
    { module, transport: TransportKind.ipc },
    {
      documentSelector: [{ language: 'strata' }],
      initializationOptions: options,
      outputChannel: host.output,
      synchronize: {},
    },
  );
  await client.start();
  await client.setTrace(Trace.fromString(host.trace));
  return client;
}
