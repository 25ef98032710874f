import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { duration } from '../plan/amounts.ts';
import { type App, complain, signalOf, strata } from './app.ts';
import { type Chosen, saved } from './experiment.ts';
import { type PlanSummary, planSummary } from './plan-summary.ts';
import { type Finished, failure } from './program.ts';
import { setting } from './settings-read.ts';

const nameOf = ({ uri }: Chosen): string => uri.path.replace(/^.*\//, '').replace(/\.strata\.ya?ml$/, '');
const armOption = ({ arm }: Chosen): string[] => (arm === undefined ? [] : ['--arm', arm]);

/**
 * Plans, asks when it is to take long, and starts the runs as detached processes. Returns the ids of the runs; undefined when
 * nothing was started.
 */
export async function runExperiment(app: App, chosen: Chosen): Promise<string[] | undefined> {
  if (!vscode.workspace.isTrusted || !(await saved(chosen))) return undefined;
  const planned = await working(vscode.l10n.t('Planning {0}', nameOf(chosen)), (signal) =>
    verb(app, chosen, 'plan', ['--json'], signal),
  );
  if (planned.code === 130) return undefined;
  if (planned.code !== 0) return refused(app, chosen, planned);
  const summary = planSummary(planned.stdout);
  if (chosen.confirmed !== true && !(await agreed(app, chosen, summary))) return undefined;
  const where = chosen.on === undefined ? [] : ['--on', chosen.on];
  const options = ['--detach', '--json', '--jobs', String(setting('strata.jobs')), ...where];
  const started = await working(vscode.l10n.t('Starting {0}', nameOf(chosen)), () => verb(app, chosen, 'run', options));
  if (started.code !== 0) return refused(app, chosen, started);
  await app.refreshHomes();
  await app.runs.reveal(chosen.uri.fsPath);
  return (JSON.parse(started.stdout) as { runs: { id: string }[] }).runs.map(({ id }) => id);
}

function verb(app: App, chosen: Chosen, name: string, options: string[], signal?: AbortSignal): Promise<Finished> {
  const file = chosen.uri.fsPath;
  return strata(app, [name, file, ...armOption(chosen), ...options], { cwd: dirname(file), signal });
}

function working<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Thenable<T> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, (_, token) => work(signalOf(token)));
}

/** A file with errors is shown with them; anything else is said. */
async function refused(app: App, chosen: Chosen, finished: Finished): Promise<undefined> {
  if (/invalid-experiment|has (an error|\d+ errors)\.?$/m.test(finished.stderr.trim())) {
    await vscode.window.showTextDocument(chosen.uri);
    await vscode.commands.executeCommand('workbench.actions.view.problems');
  }
  complain(app, `${nameOf(chosen)}: ${failure(finished)}`);
  return undefined;
}

/** Short experiments start at once; for long ones the plan is shown, and asked about. */
async function agreed(app: App, chosen: Chosen, summary: PlanSummary): Promise<boolean> {
  const { runs, seconds } = summary;
  if (runs === 0 || (seconds !== undefined && seconds <= 60 * setting('strata.confirmLongerThan'))) return true;
  await app.documents.show('plan', chosen.uri.fsPath, chosen.arm === undefined ? [] : [chosen.arm]);
  const run = vscode.l10n.t('Run');
  const time = seconds === undefined ? vscode.l10n.t('an unknown time') : vscode.l10n.t('about {0}', duration(seconds));
  const elsewhere = chosen.on !== undefined && chosen.on !== 'local';
  const question = elsewhere
    ? vscode.l10n.t('Run {0} on {3}? Here its {1} runs would take {2}.', nameOf(chosen), runs, time, chosen.on!)
    : vscode.l10n.t('Run {0}? {1} runs take {2} on this machine.', nameOf(chosen), runs, time);
  const detail = vscode.l10n.t(
    'The plan is open beside this. Runs go on when the window is closed, and can be canceled and resumed.',
  );
  return (await vscode.window.showInformationMessage(question, { modal: true, detail }, run)) === run;
}

/** Shows the plan as a read-only document. */
export async function showPlan(app: App, chosen: Chosen): Promise<void> {
  if (await saved(chosen))
    await app.documents.show('plan', chosen.uri.fsPath, chosen.arm === undefined ? [] : [chosen.arm]);
}
