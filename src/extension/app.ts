import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Logger } from '../base/log.ts';
import { settingsVariable } from '../launch/settings-variable.ts';
import type { Documents } from './documents.ts';
import type { Questions } from './hosts/questions.ts';
import type { HostsView } from './hosts/view.ts';
import type { Language } from './language.ts';
import type { LayersView } from './layers/view.ts';
import type { ComparePanels } from './panel/panels.ts';
import { type Finished, type Program, programOf, runVerb } from './program.ts';
import type { RunIndex } from './runs/index.ts';
import type { RunsView } from './runs/view.ts';
import { setting } from './settings-read.ts';

/** What the parts of the extension share. Made once in `extension.ts`. */
export interface App {
  context: vscode.ExtensionContext;
  log: vscode.LogOutputChannel;
  index: RunIndex;
  runs: RunsView;
  /** Looks for `.strata` folders again, and at all runs in them. */
  refreshHomes: () => Promise<void>;
  layers: LayersView;
  documents: Documents;
  panels: ComparePanels;
  language: Language;
  hosts: HostsView;
  /** Answers what ssh asks. */
  questions: Questions;
}

/** The command line of this extension, as the settings say that it is to be started. */
export function program(context: vscode.ExtensionContext): Program {
  const own = programOf(join(context.extensionPath, 'dist', 'strata.mjs'), setting('strata.nodePath'));
  return { ...own, env: { ...own.env, ...handedSettings() } };
}

/** The editor's own settings, which go before those of the user's file (design §8); nothing where none is made. */
function handedSettings(): Record<string, string> {
  const program = setting('strata.sshPath');
  const config = setting('strata.sshConfigPath');
  if (program === '' && config === '') return {};
  const ssh = { ...(program !== '' && { program }), ...(config !== '' && { config }) };
  return { [settingsVariable]: JSON.stringify({ ssh }) };
}

/** Verbs that may have to reach another machine. */
const reaching = new Set(['run', 'cancel', 'resume', 'probe', 'logs', 'export', 'verify', '__wake']);

/** Runs a verb of the command line to its end; what ssh asks on the way is asked in dialogs. */
export async function strata(
  { context, log, questions }: { context: vscode.ExtensionContext; log: Logger; questions?: Questions },
  verb: readonly string[],
  options: { cwd: string; signal?: AbortSignal },
): Promise<Finished> {
  const { env, ...rest } = program(context);
  const asking = questions && reaching.has(verb[0]!) ? await questions.env() : {};
  return runVerb({ ...rest, env: { ...asking, ...env } }, verb, { ...options, log });
}

/** An AbortSignal that fires with a cancellation token. */
export function signalOf(token: vscode.CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}

/** A sentence about what went wrong; awaiting it would wait for a click. */
export function complain(app: { log: vscode.LogOutputChannel }, message: string): void {
  app.log.error(message);
  const show = vscode.l10n.t('Show Output');
  vscode.window.showErrorMessage(message, show).then((chosen) => {
    if (chosen === show) app.log.show();
  });
}
