import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parts } from '../../scripts/suite-parts.mjs';
import { root, temporaryFolder } from '../support.ts';

/** The launcher of the suite for a desktop VS Code, started on a program that says what it was started with. */

interface Start {
  args: string[];
  settings: Record<string, unknown>;
  entries: string[];
  nodeMode: boolean;
}

const options = { skip: process.platform === 'win32' ? 'the program that stands in is a script' : false };

/** Stands in for VS Code: notes how it was started, and ends as VS Code does. */
const standIn = (notes: string, end: string) => `#!${process.execPath}
const { appendFileSync, readFileSync, readdirSync, writeFileSync } = require('node:fs');
const args = process.argv.slice(2);
const data = args.find((a) => a.startsWith('--user-data-dir=')).slice(16);
appendFileSync(${JSON.stringify(notes)}, JSON.stringify({
  args,
  settings: JSON.parse(readFileSync(data + '/User/settings.json', 'utf8')),
  entries: readdirSync(args[0]),
  nodeMode: 'ELECTRON_RUN_AS_NODE' in process.env,
}) + '\\n');
const report = (value) => writeFileSync(process.env.VSCODE_TEST_REPORT, JSON.stringify(value));
${end}
`;

async function launch(end: string, ...chosen: string[]) {
  const folder = await temporaryFolder();
  const executable = join(folder, 'code');
  const notes = join(folder, 'notes');
  await writeFile(executable, standIn(notes, end));
  await chmod(executable, 0o755);
  const said = await new Promise<{ code: number; stdout: string }>((resolve) => {
    const env = { ...process.env, STRATA_VSCODE: executable, ELECTRON_RUN_AS_NODE: '1' };
    const child = execFile(
      process.execPath,
      ['--import', 'tsx', 'scripts/suite-desktop.mjs', ...chosen],
      { cwd: root, env },
      (_, stdout) => resolve({ code: child.exitCode!, stdout }),
    );
  });
  const starts = readFileSync(notes, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Start);
  return { ...said, starts };
}

test('every part is one start of VS Code on this extension and the compiled entry of the part', options, async () => {
  const { code, stdout, starts } = await launch('report({ passed: 2, failed: 0, skipped: 1, failures: [] });');
  assert.equal(code, 0);
  const names = Object.keys(parts);
  assert.ok(stdout.endsWith(`\n${2 * names.length} passed, 0 failed, ${names.length} skipped\n`), stdout);
  const value = (start: Start, name: string) =>
    start.args.find((argument) => argument.startsWith(`--${name}=`))!.slice(name.length + 3);
  assert.deepEqual(
    starts.map((start) => value(start, 'extensionTestsPath')),
    names.map((name) => join(root, 'dist', 'test', `${name}.cjs`)),
  );
  for (const start of starts) {
    assert.equal(join(value(start, 'extensionDevelopmentPath'), 'x'), join(root, 'x'));
    assert.ok(start.entries.includes('tiny.strata.yaml'), 'the folder is a workspace of the suite');
    assert.equal(start.nodeMode, false);
  }
  assert.equal(starts[0]!.args[0], starts[1]!.args[0], 'reload goes on where main ended');
  // Only so is there a Restricted Mode, and only so does it not ask.
  const trusts = starts.map(({ args }) => args.includes('--disable-workspace-trust'));
  const restricted = names.indexOf('restricted');
  assert.deepEqual(
    trusts,
    names.map((_, index) => index !== restricted),
  );
  assert.equal(starts[restricted]!.settings['security.workspace.trust.startupPrompt'], 'never');
});

for (const [what, end, says] of [
  [
    'reports a failure',
    "report({ passed: 1, failed: 1, skipped: 0, failures: [{ title: 'x', message: 'y' }] }); process.exitCode = 1;",
    /FAILED x\n {2}y/,
  ],
  ['ends without a report', 'process.exitCode = 0;', /the suite wrote no report/],
  [
    'crashes after a good report',
    'report({ passed: 1, failed: 0, skipped: 0, failures: [] }); process.exitCode = 9;',
    /1 passed, 1 failed/,
  ],
] as const)
  test(`a part that ${what} has failed`, options, async () => {
    const { code, stdout } = await launch(end, 'main');
    assert.equal(code, 1);
    assert.match(stdout, says);
  });
