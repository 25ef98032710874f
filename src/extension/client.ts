import type * as vscode from 'vscode';
import { LanguageClient, Trace, TransportKind } from 'vscode-languageclient/node';
import type { LanguageOptions } from '../protocol/language.ts';

/**
 * Starts the language server, a process of its own. A bundle of its own, too: the client is larger than all the rest of the
 * extension and is loaded with the first experiment file.
 */
export async function startClient(
  module: string,
  options: LanguageOptions,
  host: { output: vscode.LogOutputChannel; trace: string },
): Promise<LanguageClient> {
  const client = new LanguageClient(
    'strata',
    'Strata',
    {
      run: { module, transport: TransportKind.ipc },
      debug: { module, transport: TransportKind.ipc, options: { execArgv: ['--nolazy', '--inspect=6009'] } },
    },
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
