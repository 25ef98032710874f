import { join } from 'node:path';
import * as vscode from 'vscode';
import { speak } from '../base/translate.ts';
import { type App, strata } from './app.ts';
import { Documents, workspaceFolder } from './documents.ts';
import { registerCommands } from './handlers.ts';
import { homesRefresher, watchHomes } from './homes.ts';
import { followElsewhere } from './hosts/follow.ts';
import { Questions } from './hosts/questions.ts';
import { HostsView } from './hosts/view.ts';
import { Language } from './language.ts';
import { LayersView } from './layers/view.ts';
import { ComparePanels } from './panel/panels.ts';
import { isMeasurement } from './runs/entry.ts';
import { RunIndex } from './runs/index.ts';
import { RunsView } from './runs/view.ts';
import { RunWatcher } from './runs/watch.ts';
import { showStatus } from './status.ts';
import { provideTasks } from './tasks.ts';
import { provideTools } from './tools.ts';

/** How long the start took, for tests. */
interface Activation {
  activation: { milliseconds: number };
}

/** Wires the parts together; each is a file of its own. Nothing here waits for a disk or a process. */
export function activate(context: vscode.ExtensionContext): App & Activation {
  const begun = performance.now();
  speak(vscode.l10n.bundle);
  const log = vscode.window.createOutputChannel('Strata', { log: true });
  const { storageUri } = context;
  const index = new RunIndex(storageUri && join(storageUri.fsPath, 'runs.json'));
  const watcher = new RunWatcher(index);
  const documents = new Documents({ context, log });
  const layers = new LayersView(context, log, () => index.homes);
  const runs = new RunsView(index);
  const panels = new ComparePanels(context, log);
  const language = new Language(context, log);
  const refreshHomes = homesRefresher(index, watcher);
  const questions = new Questions();
  const hosts = new HostsView((verb) => strata({ context, log, questions }, verb, { cwd: workspaceFolder() }));
  const app: App = { context, log, index, runs, layers, panels, documents, language, hosts, questions, refreshHomes };
  context.subscriptions.push(
    log,
    index,
    watcher,
    documents,
    layers,
    runs,
    panels,
    language,
    hosts,
    questions,
    registerCommands(app),
    showStatus(app),
    provideTasks(context),
    provideTools(app),
    index.onChange(({ changed }) => changed.some(isMeasurement) && layers.measured()),
    watchHomes(() => void refreshHomes()),
  );
  language.startWithFirstFile();
  void refreshHomes()
    .then(() => followElsewhere(app))
    .catch((error: unknown) => log.error(String(error)));
  return { ...app, activation: { milliseconds: performance.now() - begun } };
}
