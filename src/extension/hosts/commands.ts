import * as vscode from 'vscode';
import { type App, complain } from '../app.ts';
import { type Chosen, chosenExperiment } from '../experiment.ts';
import { runExperiment } from '../run.ts';
import type { HostNode } from './tree.ts';

/** Asks where an experiment is to run: here, or on one of the hosts, those that were used last at the top. */
export async function runOn(app: App, target: string | undefined, ...args: unknown[]): Promise<string[] | undefined> {
  const chosen = await chosenExperiment(...args);
  const on = chosen && (target ?? (await pickTarget(app)));
  return chosen && on !== undefined ? runExperiment(app, { ...chosen, on } satisfies Chosen) : undefined;
}

async function pickTarget({ hosts }: App): Promise<string | undefined> {
  const heading = (label: string) => ({ label, kind: vscode.QuickPickItemKind.Separator, target: undefined });
  const listed = await hosts.hosts();
  const item = ({ name, address }: (typeof listed)[number]) => {
    return { label: `$(vm) ${name}`, description: address, target: `ssh:${name}` };
  };
  const recent = listed.filter(({ used }) => used !== undefined);
  const others = listed.filter(({ used }) => used === undefined);
  const items = [
    { label: `$(device-desktop) ${vscode.l10n.t('This Machine')}`, description: '', target: 'local' },
    ...(recent.length > 0 ? [heading(vscode.l10n.t('recent hosts')), ...recent.map(item)] : []),
    ...(others.length > 0 ? [heading(vscode.l10n.t('hosts')), ...others.map(item)] : []),
  ];
  const placeHolder =
    listed.length > 0
      ? vscode.l10n.t('Where is it to run?')
      : vscode.l10n.t('Where is it to run? Hosts of the ssh configuration (~/.ssh/config) would be listed here.');
  return (await vscode.window.showQuickPick(items, { placeHolder, matchOnDescription: true }))?.target;
}

/** Looks at a host; one that cannot be reached is said with the reason. */
export async function probeHost(app: App, node?: HostNode | string): Promise<unknown> {
  const named = typeof node === 'string' ? node : node?.host;
  const host = named ?? (await pickHost(app));
  if (host === undefined) return undefined;
  await vscode.commands.executeCommand('strata.hosts.focus');
  const options = { location: { viewId: 'strata.hosts' }, title: vscode.l10n.t('Looking at {0}', host) };
  const looked = await vscode.window.withProgress(options, () => app.hosts.look(host));
  if (typeof looked === 'object' && 'problem' in looked) complain(app, looked.problem);
  return looked;
}

async function pickHost({ hosts }: App): Promise<string | undefined> {
  const items = (await hosts.hosts()).map(({ name, address }) => ({ label: name, description: address }));
  return (await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('Which host?') }))?.label;
}
