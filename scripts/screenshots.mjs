// Pictures of the views in every kind of theme, from a real VS Code: node --import tsx scripts/screenshots.mjs [THEME…]
// Needs the test host (../shared/labs/vscode-host). They are written to test-results/screenshots/.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

/** Layers of what an arm became: importance before and after training, in one chart. */
const after = (run) => `strata: 1
title: What training changed
model: .strata/runs/${run}
corpora: { general: { files: data/general.jsonl, holdout: 0.05 } }
analysis: { metrics: [angular, influence, removal], corpus: general, tokens: 4096 }
arms: { measured: {} }
`;

/** The sample world with its runs, and a trained arm measured as its base is; runs of an earlier call are used again. */
function world() {
  const folder = join(root, 'test-results', 'world');
  mkdirSync(folder, { recursive: true });
  // Times are kept: a file that did not change is not hashed again.
  for (const part of ['base', 'data', file])
    cpSync(join(root, 'samples', part), join(folder, part), { recursive: true, preserveTimestamps: true });
  const strata = (...args) =>
    spawnSync(process.execPath, [join(root, 'dist', 'strata.mjs'), ...args], { cwd: folder, stdio: 'inherit' });
  strata('run', file);
  const trained = readdirSync(join(folder, '.strata', 'runs')).find((id) => /-full-1-/.test(id));
  writeFileSync(join(folder, 'after.strata.yaml'), after(trained));
  strata('run', 'after.strata.yaml');
  return folder;
}

/** Runs a command that goes on with a list in the palette's own place, so that it does not go away. */
async function ask({ page }, title) {
  const line = page.locator('.quick-input-widget input').first();
  await page.keyboard.press('F1');
  await line.fill(`>${title}`);
  await page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first().waitFor();
  await line.press('Enter');
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
    await picture('importance');
    await ask(window, 'Strata: Choose Importance to Draw…');
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'angular' }).first().waitFor();
    await picture('importance-choice');
    await page.keyboard.press('Escape');
    await ask(window, 'Strata: Choose Arm to Draw…');
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
    await window.openFile(file);
    await window.command('Strata: Compare Arms');
    const chart = window.webview().locator('[data-chart="importance-removal"]');
    await chart.waitFor();
    await picture('compare');
    await chart.scrollIntoViewIfNeeded();
    await picture('importance-charts');
    await window.close();
  } finally {
    await host.close();
  }
}

/** Steps of the walkthrough by their titles. */
const walkthrough = {
  world: 'Open the sample world',
  layers: 'See an arm in the layers',
  run: 'Run it',
  compare: 'Compare the arms',
  own: 'Your own model',
};

/** What the views say while there is nothing to show, and the walkthrough. */
async function emptyStates(name) {
  const empty = join(work, 'empty');
  const fresh = join(work, 'fresh');
  mkdirSync(empty, { recursive: true });
  for (const part of ['base', 'data', file])
    cpSync(join(root, 'samples', part), join(fresh, part), { recursive: true });
  const start = (restricted) =>
    startHost({ settings: { 'workbench.colorTheme': themes[name], ...quiet }, suite: true, restricted });
  const opened = async (host, folder, says) => {
    const window = await host.open(folder, {
      viewport: { width: 1440, height: 900 },
      payload: [
        ['extensionDevelopmentPath', `vscode-remote://localhost:${host.port}${root}`],
        ['skipWelcome', 'true'],
      ],
    });
    await window.openView('Strata');
    await window.page.getByText(says).first().waitFor();
    await window.page.mouse.move(700, 880);
    await window.page.waitForTimeout(600);
    return window;
  };
  const trusted = await start(false);
  try {
    const window = await opened(trusted, empty, 'There is no experiment in this folder yet.');
    await window.screenshot(join(out, `welcome-${name}.png`));
    const hosts = window.page.locator('.pane-header', { hasText: 'Hosts' });
    await hosts.click();
    await window.page.waitForTimeout(600);
    await window.screenshot(join(out, `welcome-hosts-${name}.png`));
    await hosts.click();
    await ask(window, 'Welcome: Open Walkthrough');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'First Minutes' }).first().click();
    await window.page.getByText('Open the sample world').first().waitFor();
    for (const [step, title] of Object.entries(walkthrough)) {
      await window.page.getByText(title, { exact: true }).first().click();
      await window.page.waitForTimeout(1000);
      await window.screenshot(join(out, `walkthrough-${step}-${name}.png`));
    }
    await window.close();
    const unrun = await opened(trusted, fresh, 'Nothing was run in this folder yet.');
    await unrun.screenshot(join(out, `welcome-not-run-${name}.png`));
    await unrun.close();
  } finally {
    await trusted.close();
  }
  const restricted = await start(true);
  try {
    const window = await opened(restricted, fresh, 'This folder is not trusted');
    await window.screenshot(join(out, `welcome-restricted-${name}.png`));
    await window.close();
  } finally {
    await restricted.close();
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
