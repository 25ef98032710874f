// The same suite in a desktop VS Code, which @vscode/test-electron downloads: node --import tsx scripts/suite-desktop.mjs [PART…]
// For machines with a desktop and a connection; STRATA_VSCODE names an unpacked VS Code to use instead.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTests } from '@vscode/test-electron';
import { writeSuiteWorkspace } from '../test/suite/workspace.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'strata-suite-'));
const vscodeExecutablePath = process.env.STRATA_VSCODE;

/** As in suite.mjs: `reload` goes on in the folder that `main` left; Restricted Mode needs workspace trust. */
const parts = { main: 'main', reload: 'main', restricted: 'restricted' };

try {
  const chosen = process.argv.slice(2);
  for (const [name, workspace] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const folder = join(work, workspace);
    await writeSuiteWorkspace(folder);
    const trust = name === 'restricted' ? [] : ['--disable-workspace-trust'];
    await runTests({
      ...(vscodeExecutablePath && { vscodeExecutablePath }),
      extensionDevelopmentPath: root,
      extensionTestsPath: join(root, 'dist', 'test', `${name}.cjs`),
      launchArgs: [folder, '--disable-extensions', ...trust],
    });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
