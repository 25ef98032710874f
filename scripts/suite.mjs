// The suite in a real VS Code without a desktop: node --import tsx scripts/suite.mjs [PART…]
// Needs the test host beside the project (../shared/labs/vscode-host, installed by its setup.sh).
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSuiteWorkspace } from '../test/suite/workspace.ts';
import { entryOf, parts } from './suite-parts.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { runSuite } = await import(new URL('../../shared/labs/vscode-host/launch.mjs', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'strata-suite-'));
const out = join(root, 'test-results', 'suite');
mkdirSync(out, { recursive: true });

const total = { passed: 0, failed: 0, skipped: 0 };
try {
  const chosen = process.argv.slice(2);
  for (const [name, { workspace, restricted }] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const folder = join(work, workspace);
    await writeSuiteWorkspace(folder);
    const result = await runSuite({
      extension: root,
      tests: entryOf(root, name),
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
  // A run that was left at work may still write.
  rmSync(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
