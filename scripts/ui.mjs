// The packed extension driven as a person does, in a real VS Code and a real browser: node --import tsx scripts/ui.mjs
// Packs the linux-x64 VSIX, installs it, and goes from an empty folder to an exported comparison. Needs the test host
// (../shared/labs/vscode-host). Pictures of each step are written to test-results/ui/.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { excesses, measure } from './vsix.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { startHost } = await import(new URL('../../shared/labs/vscode-host/host.mjs', import.meta.url));
const out = join(root, 'test-results', 'ui');
mkdirSync(out, { recursive: true });
const work = mkdtempSync(join(tmpdir(), 'strata-ui-'));
const total = { passed: 0, failed: 0 };
let number = 0;

const packed = spawnSync(process.execPath, [join(root, 'scripts', 'package.mjs'), 'linux-x64'], { encoding: 'utf8' });
if (packed.status !== 0) throw new Error(packed.stderr);
const vsix = readdirSync(join(root, 'packages')).find((name) => name.startsWith('strata-linux-x64-'));

const host = await startHost({
  vsix: [join(root, 'packages', vsix)],
  settings: { 'workbench.secondarySideBar.defaultVisibility': 'hidden', 'files.simpleDialog.enable': true },
});
try {
  const window = await host.open(work, { viewport: { width: 1440, height: 900 }, timeout: 60_000 });
  const { page } = window;
  let stopped = false;

  /** One step of the walk; after one that failed the rest cannot be walked. */
  async function step(title, walk) {
    if (stopped) return;
    number++;
    try {
      await walk();
      total.passed++;
      console.log(`ok ${title}`);
    } catch (error) {
      stopped = true;
      total.failed++;
      console.log(`FAILED ${title}\n  ${String(error.message).replaceAll('\n', '\n  ')}`);
    }
    await window.screenshot(join(out, `${number}-${title.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 40)}.png`));
  }
  const line = page.locator('.quick-input-widget input').first();
  /** Runs a command that goes on with a question in the palette's own line, so that it does not go away. */
  async function ask(title) {
    await page.keyboard.press('F1');
    await line.fill(`>${title}`);
    await page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first().waitFor();
    await line.press('Enter');
  }
  /**
   * Answers a file dialog, which in the browser is a line to type a path into. The dialog writes its suggestion there while it
   * reads the folder, and adds to it what was typed before that is done.
   */
  async function answer(path, suggested = /^\//) {
    const holds = async (value) => {
      for (let i = 0; i < 5; i++) {
        if (!value(await line.inputValue())) return false;
        await page.waitForTimeout(100);
      }
      return true;
    };
    const patience = Date.now() + 60_000;
    const inTime = (what) => assert.ok(Date.now() < patience, `the file dialog does not ${what}`);
    while (!(await holds((value) => suggested.test(value)))) inTime(`suggest ${suggested}`);
    do {
      inTime(`take ${path}`);
      await line.fill(path);
    } while (!(await holds((value) => value === path)));
    await page
      .locator('.quick-input-widget .monaco-button', { hasText: /OK|Copy Here|Save|Use This Model/ })
      .first()
      .click();
  }
  /** An action of a row's context menu, which does not take clicks for a moment after it has come. */
  async function fromMenu(row, name) {
    await row.click({ button: 'right' });
    const item = page.getByRole('menuitem', { name });
    await item.waitFor();
    for (let i = 0; i < 50 && (await item.count()) > 0; i++) {
      await item.click({ timeout: 2000 }).catch(() => {});
      await page.waitForTimeout(200);
    }
  }
  const runRow = (arm) => window.treeItem(new RegExp(`^run ${arm}, seed 1, done`)).first();
  const panel = () => window.webview({ extension: 'strata.strata' });
  const world = join(work, 'strata-samples');

  await step('the package is as large as it may be, and has nothing that it does not need', () => {
    assert.deepEqual(excesses(measure(join(root, 'packages', vsix))), []);
  });

  await step('the sample world is copied into a new folder', async () => {
    // The window is there before its extensions are.
    await page.getByRole('tab', { name: 'Strata' }).first().waitFor();
    await page.waitForTimeout(1000);
    await ask('Strata: Open Sample World…');
    await answer(`${work}/`);
    await page.getByRole('tab', { name: 'shallow-vs-rivals.strata.yaml' }).first().waitFor();
    assert.ok(existsSync(join(world, 'base', 'model.safetensors')));
  });

  await step('its language is known, and its lenses stand over the file and the arms', async () => {
    assert.match(await window.language(), /Strata/i);
    await window.codeLens('Run').waitFor();
  });

  await step('Run from the palette; the Runs view follows by itself', async () => {
    await window.openView('Strata');
    await page.locator('.monaco-editor .view-line').first().click();
    await window.command('Strata: Run Experiment');
    await window
      .treeItem(/running/)
      .first()
      .waitFor({ timeout: 90_000 });
  });

  await step('Compare while it runs', async () => {
    await page.locator('.monaco-editor .view-line').first().click();
    await window.command('Strata: Compare Arms');
    await panel().getByRole('toolbar', { name: 'Table and charts' }).waitFor({ timeout: 120_000 });
  });

  await step('one notification says that the experiment has ended', async () => {
    await window
      .treeItem(/^experiment .*, \d+ done/)
      .first()
      .waitFor({ timeout: 150_000 });
    await window.command('Notifications: Show Notifications');
    const said = page.locator('.notifications-center .notification-list-item');
    await said.filter({ hasText: 'shallow-vs-rivals:' }).first().waitFor();
    assert.equal(await said.count(), 1);
    await page.keyboard.press('Escape');
    await window.command('Notifications: Clear All Notifications');
  });

  await step('the panel has all arms, and nothing serious for axe', async () => {
    for (const arm of ['base', 's', 'pro', 'lora', 'full', 'control'])
      await panel()
        .getByRole('button', { name: `Pin ${arm} as baseline` })
        .waitFor({ state: 'attached' });
    const serious = (await window.axe(panel())).filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(serious, []);
  });

  await step('another baseline is pinned, and every row shows its difference to it', async () => {
    await panel().getByRole('button', { name: 'Pin pro as baseline' }).click();
    await panel()
      .getByText(/not distinguishable|better|worse/)
      .first()
      .waitFor();
    await panel().getByRole('button', { name: 'Pin pro as baseline', pressed: true }).waitFor({ state: 'attached' });
  });

  await step('the report is exported as HTML', async () => {
    await panel().getByText('Export', { exact: true }).first().click();
    await panel().getByRole('button', { name: /HTML/ }).first().click();
    const file = join(work, 'report.html');
    await answer(file, /\.html$/);
    for (let i = 0; i < 600 && !existsSync(file); i++) await page.waitForTimeout(100);
    assert.match(readFileSync(file, 'utf8'), /<title>/);
  });

  await step('a run is deleted after a question; the panel says so', async () => {
    await page.keyboard.press('Escape');
    await fromMenu(runRow('lora'), 'Delete Run…');
    await window.dialog().getByText('Delete this run with all its files?').waitFor();
    await window.dialog().getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await runRow('lora').count(), 1);
    await fromMenu(runRow('lora'), 'Delete Run…');
    await window.dialog().getByRole('button', { name: 'Delete' }).click();
    await runRow('lora').waitFor({ state: 'detached' });
    await panel()
      .getByText(/^The run directory of shallow-vs-rivals-lora-1-\w+ was deleted/)
      .first()
      .waitFor();
  });

  await step('a new experiment is made of a model folder', async () => {
    await ask('Strata: New Experiment…');
    await answer(`${join(world, 'base')}/`);
    const file = join(work, 'mine.strata.yaml');
    await answer(file, /\/experiment\.strata\.yaml$/);
    await page.getByRole('tab', { name: 'mine.strata.yaml' }).first().waitFor();
    assert.match(readFileSync(file, 'utf8'), /^model: strata-samples\/base$/m);
  });

  await step('no request left the machine', async () => {
    assert.deepEqual([...window.outside], []);
  });
  await window.close();
} finally {
  await host.close();
  rmSync(work, { recursive: true, force: true });
}
console.log(`\n${total.passed} passed, ${total.failed} failed, 0 skipped`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
