import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { type Lab, lab, needsSshd } from '../launch/ssh/lab.ts';
import { test as declare, runAll } from './runner.ts';
import { app, entries, file, until } from './support.ts';

/** An experiment on another machine, from the dialog about its key to the message that it has ended. */

/** Without an ssh server on this machine there is nothing to test. */
const test: typeof declare = needsSshd.skip === false ? declare : () => {};
const ends: (() => Promise<void>)[] = [];
let host: Lab;
/** Questions that were asked, and messages that popped up. */
const said: { message: string; detail?: string }[] = [];
const replies: Record<string, string> = {};
for (const name of ['showWarningMessage', 'showInformationMessage'] as const) {
  const show = vscode.window[name] as (...args: unknown[]) => unknown;
  Object.assign(vscode.window, {
    [name]: (message: string, options: unknown, ...items: unknown[]) => {
      const { detail, modal } = (options ?? {}) as vscode.MessageOptions;
      said.push({ message, ...(detail !== undefined && { detail }) });
      return modal
        ? Promise.resolve(items.find((item) => item === replies[message]))
        : show(message, options, ...items);
    },
  });
}

const experiment = `strata: 1
title: Far away
model: model
corpora:
  facts: { files: data/facts.jsonl }
tasks:
  recall: { kind: choice, files: data/recall.jsonl }
arms:
  s: { train: [layers 1] }
training: { corpus: facts, steps: 8, batch: 2, sequence: 32, learning_rate: 1e-3 }
evaluation: { tasks: [recall] }
`;

const rows = async () => (await app()).hosts.getChildren();

test('the Hosts view lists the hosts of the ssh configuration that the settings name', async () => {
  host = await lab({ node: true }, (work) => void ends.push(work));
  await writeFile(join(host.folder, 'known_hosts'), '');
  await vscode.workspace
    .getConfiguration('strata')
    .update('sshConfigPath', join(host.folder, 'ssh_config'), vscode.ConfigurationTarget.Global);
  await vscode.commands.executeCommand('strata.hosts.refresh');
  const [row] = await until('the host', async () => (await rows()).length > 0 && (await rows()));
  assert.equal(row?.label, host.alias);
  assert.match(row.description, new RegExp(`@127\\.0\\.0\\.1:${host.port}$`));
});

test('a key that is not known is shown with its fingerprint; closing the dialog refuses it, trusting it shows what the host offers', async () => {
  await vscode.commands.executeCommand('strata.hosts.probe', host.alias);
  const question = said.find(({ detail }) => detail?.includes('SHA256:'));
  assert.ok(question, JSON.stringify(said));
  assert.ok(question.message.includes(`[127.0.0.1]:${host.port}`), question.message);
  assert.ok(question.detail!.includes(await host.fingerprint()), question.detail);
  assert.match((await rows())[0]!.description, /is not known and was not accepted/);

  replies[question.message] = 'Trust This Host';
  await vscode.commands.executeCommand('strata.hosts.probe', host.alias);
  const [row] = await rows();
  const findings = (await (await app()).hosts.getChildren(row)).map(({ label }) => label);
  for (const name of ['ssh', 'node', 'processor', 'memory', 'disk', 'gpu', 'scheduler'])
    assert.ok(findings.includes(name), `${name} of ${findings}`);
  assert.match(await readFile(join(host.folder, 'known_hosts'), 'utf8'), /ssh-ed25519/);
});

test('an experiment runs there; its run is in the tree with its place, and one message says that it has ended', async () => {
  await writeFile(file('far.strata.yaml').fsPath, experiment);
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file('far.strata.yaml')));
  await vscode.commands.executeCommand('strata.hosts.run', host.alias);
  const done = await until('the end of the run', async () =>
    (await entries()).find(({ experiment: { stem }, state }) => stem === 'far' && state === 'succeeded'),
  );
  assert.equal(done.place, `ssh:${host.alias}`);
  assert.ok(existsSync(join(host.home, '.local/share/strata/runs', done.id)), 'it lived there');
  assert.ok(done.values.some(({ task }) => task === 'recall'));
  await until('the message', () => said.some(({ message }) => /^far: 1 /.test(message)));
  const [row] = await rows();
  assert.match(row!.tooltip, /last used/);
  for (const end of ends.splice(0)) await end();
});

export const run = runAll;
