// The suite in a real VS Code without a desktop: node --import tsx scripts/suite.mjs [PART…]
// Needs the test host beside the project (../shared/labs/vscode-host, installed by its setup.sh).
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSuiteWorkspace } from '../test/suite/workspace.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { runSuite } = await import(new URL('../../shared/labs/vscode-host/launch.mjs', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'strata-suite-'));
const out = join(root, 'test-results', 'suite');
mkdirSync(out, { recursive: true });

/** Each part is one start of VS Code; `reload` goes on in the folder that `main` left. */
const parts = {
  main: { entry: 'main', workspace: 'main' },
  reload: { entry: 'reload', workspace: 'main' },
  restricted: { entry: 'restricted', workspace: 'restricted', restricted: true },
};

const total = { passed: 0, failed: 0, skipped: 0 };
try {
  const chosen = process.argv.slice(2);
  for (const [name, { entry, workspace, restricted }] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const folder = join(work, workspace);
    await writeSuiteWorkspace(folder);
    const result = await runSuite({
      extension: root,
      tests: join(root, 'dist', 'test', `${entry}.cjs`),
      workspace: folder,
      restricted,
      out: join(out, name),
      timeout: 300,
    });
    for (const { title, message } of result.failures) console.log(`\nFAILED ${title}\n${message.replace(/^/gm, '  ')}`);
    if (result.outside.length > 0) {
      console.log(`\nFAILED ${name}: requests to other machines: ${result.outside.join(', ')}`);
      result.failed++;
    }
    for (const key of Object.keys(total)) total[key] += result[key];
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
