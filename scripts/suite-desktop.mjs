// The same suite in a desktop VS Code, which @vscode/test-electron downloads: node --import tsx scripts/suite-desktop.mjs [PART…]
// For machines with a desktop and a connection. STRATA_VSCODE names the executable of an unpacked VS Code to use instead.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { downloadAndUnzipVSCode } from '@vscode/test-electron';
import { writeSuiteWorkspace } from '../test/suite/workspace.ts';
import { desktopArguments, desktopSettings, parts } from './suite-parts.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'strata-suite-'));
const total = { passed: 0, failed: 0, skipped: 0 };

/** Runs one part; resolves to its exit code. */
function start(executable, name, folder, report) {
  const data = join(work, 'user');
  mkdirSync(join(data, 'User'), { recursive: true });
  writeFileSync(join(data, 'User', 'settings.json'), JSON.stringify(desktopSettings));
  // In a terminal of VS Code the first would make Node of the one that is started.
  const { ELECTRON_RUN_AS_NODE: _, ...env } = process.env;
  const child = spawn(executable, desktopArguments({ root, name, folder, data }), {
    env: { ...env, VSCODE_TEST_REPORT: report },
    stdio: 'inherit',
  });
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(error.message);
      resolve(127);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** What a part reported; one that ended otherwise than it says has failed. */
function resultOf(report, code) {
  const unreported = { passed: 0, failed: 1, skipped: 0, failures: [] };
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    return (code === 0) === (result.failed === 0) ? result : { ...result, failed: result.failed + 1 };
  } catch {
    return { ...unreported, failures: [{ title: 'the suite wrote no report', message: `exit code ${code}` }] };
  }
}

try {
  const executable = process.env.STRATA_VSCODE ?? (await downloadAndUnzipVSCode());
  const chosen = process.argv.slice(2);
  for (const [name, { workspace }] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const folder = join(work, workspace);
    await writeSuiteWorkspace(folder);
    const report = join(work, `${name}.json`);
    const result = resultOf(report, await start(executable, name, folder, report));
    for (const { title, message } of result.failures) console.log(`\nFAILED ${title}\n${message.replace(/^/gm, '  ')}`);
    for (const key of Object.keys(total)) total[key] += result[key];
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  total.failed++;
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
