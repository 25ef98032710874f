import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { findRuns } from '../../src/record/find.ts';
import { readMetrics, readRun } from '../../src/record/read.ts';
import { eventually, processesOf } from '../launch/support.ts';
import { writeSuiteWorkspace } from '../suite/workspace.ts';
import { root, temporaryFolder } from '../support.ts';

/*
 * The editor dies in the middle of a run: kill -9 of everything of it. The run goes on, and another editor finds it.
 */

const launcher = join(root, '..', 'shared', 'labs', 'vscode-host', 'host.mjs');
const steps = 6000;

interface Host {
  port: number;
  /** The folder of its user data, which the server's command line names. */
  data: string;
  open(folder: string, options: object): Promise<Window>;
  close(): Promise<void>;
}
interface Locator {
  first(): Locator;
  click(): Promise<void>;
  waitFor(options?: { timeout?: number }): Promise<void>;
}
interface Window {
  page: { locator(selector: string): Locator };
  command(title: string): Promise<void>;
  openFile(name: string): Promise<void>;
  openView(title: string): Promise<void>;
  treeItem(name: RegExp): Locator;
}

/** The parent of each process. */
function parents(): Map<number, number> {
  const found = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      found.set(Number(name), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has ended.
    }
  }
  return found;
}

/** The server of an editor with all that it started and has not let go: extension hosts, language servers, terminals. */
function processesOfEditor(data: string): number[] {
  const parentOf = parents();
  const found = new Set(processesOf(data).filter((pid) => parentOf.get(pid) !== undefined));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parentOf) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

test('the editor is killed with -9 while a run is at work: it goes on, and the next window shows it to its end', {
  skip: existsSync(launcher) ? false : 'the VS Code test host (../shared/labs/vscode-host) is not here',
  timeout: 240_000,
}, async () => {
  const { startHost } = (await import(pathToFileURL(launcher).href)) as {
    startHost(options: object): Promise<Host>;
  };
  const start = () =>
    startHost({ suite: true, settings: { 'workbench.secondarySideBar.defaultVisibility': 'hidden' } });
  const folder = join(await temporaryFolder(), 'world');
  await writeSuiteWorkspace(folder);
  const long = await readFile(join(folder, 'long.strata.yaml'), 'utf8');
  await writeFile(join(folder, 'long.strata.yaml'), long.replace('steps: 200000', `steps: ${steps}`));
  const open = async (host: Host) => {
    const payload = [
      ['extensionDevelopmentPath', `vscode-remote://localhost:${host.port}${root}`],
      ['skipWelcome', 'true'],
    ];
    const window = await host.open(folder, { payload, viewport: { width: 1440, height: 900 }, timeout: 60_000 });
    await window.openFile('long.strata.yaml');
    await window.openView('Strata');
    return window;
  };

  const first = await start();
  let ran: string;
  try {
    const window = await open(first);
    await window.page.locator('.monaco-editor .view-line').first().click();
    await window.command('Strata: Run Experiment');
    await window
      .treeItem(/^run s, seed 1, running/)
      .first()
      .waitFor();
    const runs = await findRuns(folder);
    ran = runs.find(({ id }) => id.startsWith('long-s-1-'))!.folder;
    await eventually('it trains', async () => (await readMetrics(ran)).steps.length > 10);
    const editor = processesOfEditor(first.data);
    assert.ok(editor.length >= 3, 'a server, an extension host, a language server');
    for (const pid of editor) process.kill(pid, 'SIGKILL');
    await eventually('nothing of the editor lives', () => processesOfEditor(first.data).length === 0);
    const before = (await readMetrics(ran)).steps.length;
    assert.ok(before < steps, 'it was killed in the middle');
    await eventually('the run goes on', async () => (await readMetrics(ran)).steps.length > before + 10);
  } finally {
    await first.close();
  }

  const second = await start();
  try {
    const window = await open(second);
    await window
      .treeItem(/^run s, seed 1, done/)
      .first()
      .waitFor({ timeout: 120_000 });
  } finally {
    await second.close();
  }
  const run = await readRun(ran);
  assert.deepEqual([run.state, run.attempts], ['succeeded', 1]);
  assert.deepEqual(
    (await readMetrics(ran)).steps.map(({ step }) => step),
    Array.from({ length: steps }, (_, i) => i + 1),
  );
});
