import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { activate } from '../../src/extension/extension.ts';
import { isDamaged, type RunEntry } from '../../src/extension/runs/entry.ts';
import type { RunNode } from '../../src/extension/runs/tree.ts';

type App = ReturnType<typeof activate>;

/** The extension, activated; its parts as `activate` returns them. */
export async function app(): Promise<App> {
  const extension = vscode.extensions.getExtension<App>('strata.strata');
  if (!extension) throw new Error('the extension is not there');
  return extension.activate();
}

export function folder(): string {
  const [first] = vscode.workspace.workspaceFolders ?? [];
  if (!first) throw new Error('the suite needs a workspace folder');
  return first.uri.fsPath;
}

export const file = (name: string): vscode.Uri => vscode.Uri.file(join(folder(), name));

/** Opens a file of the workspace in an editor. */
export async function open(name: string): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument(file(name));
  await vscode.window.showTextDocument(document);
  return document;
}

/** Waits until `look` returns something; throws after 60 s with what it was waiting for. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not so after 60 s: ${what}`);
}

/** All runs of the workspace that can be read. */
export const entries = async (): Promise<RunEntry[]> =>
  (await app()).index.entries().flatMap((entry) => (isDamaged(entry) ? [] : [entry]));

/** The row of the Runs view of an arm's only run. */
export async function rowOf(experiment: string, arm: string): Promise<RunNode> {
  const { runs } = await app();
  const [root] = runs.getChildren().filter(({ label }) => label === experiment);
  const row = root && runs.getChildren(root).find(({ entry }) => entry?.arm === arm);
  if (!row) throw new Error(`the Runs view has no run of ${experiment}, arm ${arm}`);
  return row;
}

/** Waits for the read-only document that says this; returns its text. */
export async function shown(says: RegExp): Promise<string> {
  const document = await until(`a document that says ${says}`, () =>
    vscode.workspace.textDocuments.find(({ uri, getText }) => uri.scheme === 'strata' && says.test(getText())),
  );
  return document.getText();
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

export function runFolders(): string[] {
  try {
    return readdirSync(join(folder(), '.strata', 'runs'));
  } catch {
    return [];
  }
}

/** Asks the launcher for a step on the user interface. */
export async function ui(step: string, argument?: unknown): Promise<unknown> {
  const { request } = await import('node:http');
  const socketPath = process.env['VSCODE_TEST_UI'];
  if (!socketPath) throw new Error('the launcher offers no steps on the user interface');
  const answer = await new Promise<string>((resolve, reject) => {
    const call = request({ socketPath, method: 'POST', path: '/' }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(body));
    });
    call.on('error', reject);
    call.end(JSON.stringify({ step, argument }));
  });
  const { value, error } = JSON.parse(answer) as { value?: unknown; error?: string };
  if (error !== undefined) throw new Error(`${step}: ${error}`);
  return value;
}
