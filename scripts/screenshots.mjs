// Pictures of the views in every kind of theme, from a real VS Code: node --import tsx scripts/screenshots.mjs [THEME…]
// Needs the test host (../shared/labs/vscode-host). They are written to test-results/screenshots/.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { startHost, themes } = await import(new URL('../../shared/labs/vscode-host/host.mjs', import.meta.url));
const out = join(root, 'test-results', 'screenshots');
mkdirSync(out, { recursive: true });
const work = mkdtempSync(join(tmpdir(), 'strata-pictures-'));
/** No chat beside the editor, which is none of ours. */
const quiet = { 'workbench.secondarySideBar.defaultVisibility': 'hidden' };
const file = 'shallow-vs-rivals.strata.yaml';

/** The sample world with its runs; those of an earlier call are used again. */
function world() {
  const folder = join(root, 'test-results', 'world');
  if (!existsSync(join(folder, file))) {
    mkdirSync(folder, { recursive: true });
    for (const part of ['base', 'data', file])
      cpSync(join(root, 'samples', part), join(folder, part), { recursive: true });
  }
  const strata = (...args) =>
    spawnSync(process.execPath, [join(root, 'dist', 'strata.mjs'), ...args], { cwd: folder, stdio: 'inherit' });
  if (!existsSync(join(folder, '.strata', 'runs'))) strata('run', file);
  return folder;
}

async function pictures(name, folder) {
  const host = await startHost({
    settings: { 'workbench.colorTheme': themes[name], 'editor.minimap.enabled': false, ...quiet },
    suite: true,
  });
  try {
    const window = await host.open(folder, {
      viewport: { width: 1440, height: 900 },
      payload: [
        ['extensionDevelopmentPath', `vscode-remote://localhost:${host.port}${root}`],
        ['skipWelcome', 'true'],
      ],
    });
    const { page } = window;
    const picture = async (view) => {
      await page.mouse.move(700, 880);
      await page.waitForTimeout(600);
      await window.screenshot(join(out, `${view}-${name}.png`));
    };
    await window.openFile(file);
    await window.openView('Strata');
    await window
      .treeItem(/^experiment .*LLaMA-Pro/)
      .first()
      .waitFor();
    await window
      .treeItem(/^base, 8 layers/)
      .first()
      .waitFor();
    await window.command('Strata: Choose Arm to Draw…');
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'new' }).first().click();
    await window
      .treeItem(/arm s,/)
      .first()
      .waitFor();
    await picture('layers-and-runs');
    // One layer opened, and the focus on a row, as the keyboard shows it.
    await window
      .treeItem(/^Layer 1\+, new/)
      .first()
      .click();
    await window
      .treeItem(/^self_attn/)
      .first()
      .click();
    await picture('layers-opened');
    await window.command('Strata: Show Plan');
    await page.locator('.monaco-editor .view-line', { hasText: 'FLOP' }).first().waitFor();
    await picture('plan');
    await window.close();
  } finally {
    await host.close();
  }
}

/** What an empty window says. */
async function emptyStates(name) {
  const empty = join(work, 'empty');
  mkdirSync(empty, { recursive: true });
  const host = await startHost({ settings: { 'workbench.colorTheme': themes[name], ...quiet }, suite: true });
  try {
    const window = await host.open(empty, {
      viewport: { width: 1440, height: 900 },
      payload: [
        ['extensionDevelopmentPath', `vscode-remote://localhost:${host.port}${root}`],
        ['skipWelcome', 'true'],
      ],
    });
    await window.openView('Strata');
    await window.page.getByText('There are no runs in this folder yet.').waitFor();
    await window.page.waitForTimeout(600);
    await window.screenshot(join(out, `welcome-${name}.png`));
    await window.command('Welcome: Open Walkthrough');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'First Minutes' }).first().click();
    await window.page.getByText('Open the sample world').first().waitFor();
    await window.page.waitForTimeout(1500);
    await window.screenshot(join(out, `walkthrough-${name}.png`));
    await window.close();
  } finally {
    await host.close();
  }
}

try {
  const folder = world();
  const chosen = process.argv.slice(2);
  for (const name of Object.keys(themes)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    await pictures(name, folder);
    await emptyStates(name);
    console.log(`${name}: ${readdirSync(out).filter((picture) => picture.endsWith(`-${name}.png`)).length} pictures`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
