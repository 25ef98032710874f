import * as vscode from 'vscode';
import { lensCommands } from '../protocol/language.ts';
import { states } from '../record/state.ts';
import type { App } from './app.ts';
import { type Ending, endings, endingWords, type Going } from './runs/endings.ts';
import { isDamaged, type RunEntry } from './runs/entry.ts';
import { progressWords } from './runs/tree.ts';
import { setting } from './settings-read.ts';

const memory = 'going';

/** The status bar item while something runs, and one notification when an experiment has ended. */
export function showStatus(app: App): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('strata.runs', vscode.StatusBarAlignment.Left, 10);
  item.name = vscode.l10n.t('Strata Runs');
  item.command = 'strata.showRuns';
  const memento = app.context.workspaceState;

  const update = (): void => {
    const entries = app.index.entries();
    const runs = entries.flatMap((entry) => (isDamaged(entry) ? [] : [entry]));
    draw(item, runs);
    const before = memento.get<Going>(memory, {});
    const { ended, going } = endings(before, entries);
    if (JSON.stringify(going) !== JSON.stringify(before)) void memento.update(memory, going);
    for (const ending of ended) tell(app, ending);
  };
  const subscription = app.index.onChange(update);
  return vscode.Disposable.from(item, subscription);
}

/** `1 of 6 running: s, seed 1, 45 %`. */
export function statusWords(runs: readonly RunEntry[]): { text: string; spoken: string } | undefined {
  const open = runs.filter(({ state }) => !states[state].ended);
  const first = open.find(({ state }) => states[state].active) ?? open[0];
  if (!first) return undefined;
  const { arm, seed, state } = first;
  const name = seed === undefined ? arm : `${arm}, seed ${seed}`;
  const more = open.length > 1 ? `, ${open.length - 1} more` : '';
  const [share] = states[state].active ? progressWords(first).filter((word) => word.endsWith('%')) : [];
  const text = `${name}: ${share ?? states[state].word}${more}`;
  return { text, spoken: `Strata: ${text}` };
}

function draw(item: vscode.StatusBarItem, runs: readonly RunEntry[]): void {
  const words = statusWords(runs);
  if (!words) {
    item.hide();
    return;
  }
  item.text = `$(sync~spin) ${words.text}`;
  item.tooltip = vscode.l10n.t('Strata: show the runs');
  item.accessibilityInformation = { label: words.spoken };
  item.show();
}

function tell(app: App, ending: Ending): void {
  const words = `${ending.stem}: ${endingWords(ending)}`;
  app.log.info(words);
  if (!setting('strata.notifyWhenDone')) return;
  const compare = vscode.l10n.t('Compare');
  const show = vscode.l10n.t('Show Runs');
  const bad = ending.runs.some(({ state }) => state === 'failed' || state === 'lost');
  const notify = bad ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  notify(words, compare, show).then((chosen) => {
    if (chosen === show) void vscode.commands.executeCommand('strata.showRuns');
    if (chosen === compare) {
      void vscode.commands.executeCommand(lensCommands.compare, vscode.Uri.file(ending.file).toString());
    }
  });
}
