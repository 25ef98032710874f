import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type PanelState, panelProtocol } from '../../src/protocol/panel.ts';
import type { ImportanceRecord } from '../../src/record/importance.ts';
import { compare } from '../../src/report/comparison.ts';
import type { CompareInput } from '../../src/report/types.ts';
import { root } from '../support.ts';
import { makeWorld } from '../unit/report/world.ts';
import { type Lab, needsBrowser, type PanelPage, startLab, textOf, themeNames } from './panel-page.ts';

/** The built panel in a real browser, under its real Content-Security-Policy, fed with real comparisons. */

const world = makeWorld([1, 2, 3]);
const source = { kind: 'experiment' as const, file: '/home/her/shallow.strata.yaml' };

function stateOf(input: CompareInput = world, more: Partial<PanelState> = {}): PanelState {
  const comparison = compare(input, { resamples: 500, shownFlips: 5 });
  return { source, title: comparison.title, choice: {}, comparison, runs: [], notices: [], ...more };
}

const state = stateOf();
const pictures = join(root, 'test-results');

describe('compare panel', needsBrowser, () => {
  let lab: Lab;
  before(async () => {
    mkdirSync(pictures, { recursive: true });
    lab = await startLab();
  });
  after(() => lab?.close());

  /** A panel that shows the state; at the end it must not have complained about anything. */
  async function withPanel(work: (panel: PanelPage) => Promise<void>, options: Parameters<Lab['open']>[0] = {}) {
    const panel = await lab.open(options);
    try {
      await panel.show(state);
      await work(panel);
      assert.deepEqual(panel.complaints, []);
    } finally {
      await panel.page.close();
    }
  }
  const row = ({ page }: PanelPage, arm: string) =>
    page.locator('tr.arm').filter({ hasText: new RegExp(`^\\s*${arm}\\b`) });
  const arms = async ({ page }: PanelPage) => page.locator('tr.arm .arm-name').allInnerTexts();

  test('it says that it is ready, and draws what it is sent', () =>
    withPanel(async (panel) => {
      assert.deepEqual((await panel.sent())[0], { type: 'ready', restored: false });
      assert.equal(await textOf(panel.page.locator('h1')), 'Shallow expansion against its rivals');
      assert.deepEqual(await arms(panel), ['base', 's', 'pro', 'lora', 'full', 'control']);
      assert.equal(await panel.page.locator('section.chart').count(), 9);
    }));

  test('no column is narrower than what it says, from the first time it is drawn', () =>
    withPanel(async ({ page }) => {
      const cut = await page.evaluate<string[]>(
        `[...document.querySelectorAll('.rows td')].filter((d) => d.scrollWidth > d.clientWidth).map((d) => d.innerText)`,
      );
      assert.deepEqual(cut, []);
    }));

  test('texts of another language come with the page, also those of tables', async () => {
    const german = { Charts: 'Diagramme', 'seed {0}': 'Startwert {0}', 'training time': 'Trainingszeit', '<b>': '"&' };
    const other = await startLab(german);
    try {
      const panel = await other.open();
      await panel.show(state);
      assert.equal(await textOf(panel.page.locator('#charts-title')), 'Diagramme');
      await panel.page.getByRole('button', { name: 'Trainingszeit' }).waitFor();
      await row(panel, 's').locator('button.plain').first().click();
      await panel.page.getByText('Startwert 2', { exact: true }).waitFor();
      assert.deepEqual(panel.complaints, []);
    } finally {
      await other.close();
    }
  });

  test('chosen analyses are charts and nothing else', () =>
    withPanel(async (panel) => {
      const importance = (values: number[]): ImportanceRecord => ({
        strata_importance: 1,
        model: 'm',
        corpus: 'general',
        documents: 1,
        tokens: 9,
        nll: 1,
        layers: values.length,
        metrics: { removal: values },
        intervals: {},
      });
      const measured = [
        { name: 'small', importance: importance([3, 1, 2]) },
        { name: 'large', importance: importance([5, 1, 2, 3, 4]) },
      ];
      await panel.show(stateOf({ ...world, arms: [], planned: [], runs: [], stale: [], measured }));
      assert.deepEqual(await panel.page.locator('section.chart h3').allInnerTexts(), [
        'Importance by layer of small',
        'Importance by layer: removal',
      ]);
      assert.equal(await panel.page.locator('table').count(), 0);
      assert.deepEqual(await panel.axe(), []);
    }));

  test('sorting by a click on a header', () =>
    withPanel(async (panel) => {
      const header = panel.page.getByRole('button', { name: 'recall_new acc', exact: true });
      await header.click();
      await panel.page.locator('th[aria-sort=descending]').waitFor();
      assert.deepEqual(await arms(panel), ['full', 's', 'pro', 'lora', 'control', 'base']);
      assert.deepEqual((await panel.memory())?.view.sort, { column: 'value:recall_new/acc', descending: true });
    }));

  test('the filter box', () =>
    withPanel(async (panel) => {
      await panel.page.getByLabel('Filter arms').fill('recall_newacc>0.7');
      await panel.page.getByText('2 of 6 arms').waitFor();
      assert.deepEqual(await arms(panel), ['s', 'full']);
      await panel.page.getByLabel('Filter arms').fill('nothing>1');
      await panel.page.getByText('There is no column “nothing”').waitFor();
    }));

  test('a pinned baseline is asked of the host, and its answer is drawn', () =>
    withPanel(async (panel) => {
      await row(panel, 'lora').getByRole('button', { name: 'Pin lora as baseline' }).click();
      assert.deepEqual(await panel.lastSent('choose'), { type: 'choose', choice: { baseline: 'lora' } });
      const choice = { baseline: 'lora' };
      await panel.show(stateOf({ ...world, compare: { ...world.compare, ...choice } }, { choice }));
      assert.equal(await textOf(panel.page.locator('tr.baseline .arm-name')), 'lora');
      assert.match(await textOf(row(panel, 's')), /\+0\.\d+ \[.*\] n=120/);
    }));

  test('by keyboard alone: rows, seeds, switching off, pinning', () =>
    withPanel(async (panel) => {
      const { page } = panel;
      await page.locator('tr[data-index="0"]').focus();
      for (const key of ['ArrowDown', 'ArrowRight']) await page.keyboard.press(key);
      await page.locator('tr.seed').first().waitFor();
      assert.equal(await page.locator('tr.seed').count(), 3);
      await page.keyboard.press(' ');
      await panel.until(`document.querySelector('tr.hidden .arm-name')?.textContent === 's'`);
      await page.keyboard.press('Enter');
      assert.deepEqual(await panel.lastSent('choose'), { type: 'choose', choice: { baseline: 's' } });
      await page.keyboard.press('ArrowLeft');
      await panel.until(`document.querySelectorAll('tr.seed').length === 0`);
      assert.equal(await page.evaluate(`document.activeElement.dataset.index`), '1', 'the focus stayed on its row');
    }));

  test('one tooltip for all curves at the crosshair, and arrows move and speak it', () =>
    withPanel(async ({ page }) => {
      const canvas = page.locator('[data-chart=training-loss] canvas');
      await canvas.scrollIntoViewIfNeeded();
      await canvas.hover({ position: { x: 300, y: 100 } });
      const tooltip = page.locator('.tooltip');
      await tooltip.waitFor();
      const text = await textOf(tooltip);
      assert.match(text, /^optimizer steps \d+\s+Training loss/);
      assert.match(text, /recall_new acc during training/);
      assert.equal(await page.locator('.crosshair:not([hidden])').count(), 3);
      await canvas.focus();
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowRight');
      assert.match(await textOf(page.locator('.spoken')), /^optimizer steps 2\. Training loss: control/);
    }));

  test('a zoom is shared by all curves and undone by a double click', () =>
    withPanel(async (panel) => {
      const { page } = panel;
      const canvas = page.locator('[data-chart=training-loss] canvas');
      await canvas.scrollIntoViewIfNeeded();
      const box = (await canvas.boundingBox())!;
      await page.mouse.move(box.x + 150, box.y + 100);
      await page.mouse.down();
      await page.mouse.move(box.x + 350, box.y + 160, { steps: 4 });
      await page.mouse.up();
      const reset = page.getByRole('button', { name: 'Reset zoom' });
      await reset.first().waitFor();
      assert.equal(await reset.count(), 3);
      const [low, high] = (await panel.memory())!.view.zoom['curves over optimizer steps']!.x;
      assert.ok(low > 1 && high < 32 && low < high);
      await canvas.dblclick();
      await panel.until(`![...document.querySelectorAll('button')].some((b) => b.textContent.includes('Reset zoom'))`);
      assert.deepEqual((await panel.memory())?.view.zoom, {});
    }));

  test('smoothing and logarithmic axes are remembered and say what they do', () =>
    withPanel(async (panel) => {
      await panel.page.getByLabel('Smoothing').selectOption('0.9');
      const loss = panel.page.locator('[data-chart=training-loss]');
      await loss.getByText('Smoothed with weight 0.9').waitFor();
      await loss.getByRole('button', { name: 'log y' }).click();
      await panel.page.locator('[data-chart=training-loss] [aria-pressed=true]').waitFor();
      const view = (await panel.memory())!.view;
      assert.deepEqual([view.smoothing, view.logarithmic], [0.9, ['y:training-loss']]);
    }));

  test('a table in place of a chart has its numbers', () =>
    withPanel(async ({ page }) => {
      const chart = page.locator('[data-chart=differences-recall_new-acc]');
      await chart.getByRole('button', { name: 'Table' }).click();
      await chart.locator('table').waitFor();
      assert.match(await textOf(chart.locator('table')), /over documents and seeds\s+[+-]?\d/);
      assert.equal(await chart.locator('canvas').count(), 0);
    }));

  const files: [string, string, RegExp][] = [
    ['CSV of what is drawn', 'csv', /^series,x,x_low/],
    ['SVG with legend', 'svg', /^<svg[\s\S]*class="line"[\s\S]*control/],
    ['PNG with legend', 'png', /^iVBORw0KGgo/],
  ];
  for (const [button, format, start] of files) {
    test(`${button} leaves as a file`, () =>
      withPanel(async (panel) => {
        const chart = panel.page.locator('[data-chart=training-loss]');
        await chart.locator('summary').click();
        await chart.getByRole('button', { name: button }).click();
        await panel.until(`window.sent.some((m) => m.type === 'save')`);
        const saved = (await panel.lastSent('save'))!;
        assert.deepEqual([saved.format, saved.name], [format, 'training-loss']);
        assert.match(saved.content, start);
      }));
  }

  test('the table is copied as Markdown, the whole comparison exported by the host', () =>
    withPanel(async (panel) => {
      const menu = panel.page.locator('.toolbar details.menu');
      await menu.locator('summary').click();
      await menu.getByRole('button', { name: 'Copy table as Markdown' }).click();
      assert.match((await panel.lastSent('copy'))!.text, /\| arm \| runs \|[\s\S]*\| lora \| 3 done \|/);
      await menu.locator('summary').click();
      await menu.getByRole('button', { name: 'Whole comparison as HTML' }).click();
      assert.deepEqual(await panel.lastSent('export'), { type: 'export', format: 'html' });
    }));

  test('documents that flipped, with prompt and both answers', () =>
    withPanel(async ({ page }) => {
      const section = page.locator('section.documents');
      const text = await textOf(section);
      assert.match(text, /s answers, base does not \(the first \d+ of \d+\)/);
      assert.match(text, /Question: Where does .* live \(<0> & co\.\)\?/, 'text of a run stays text');
      assert.match(text, /expected\s+\w+\s+s\s+\w+\s+base\s+\w+/);
    }));

  test('what a reload remembers is drawn at once, and a saved view replaces a first one', async () => {
    const view = { filter: 'lora', hidden: ['full'], expanded: ['lora'], smoothing: 0.6 };
    const memory = { protocol: panelProtocol, source, choice: {}, view };
    await withPanel(
      async (panel) => {
        assert.deepEqual((await panel.sent())[0], { type: 'ready', restored: true });
        assert.deepEqual(await arms(panel), ['lora']);
        assert.equal(await panel.page.locator('tr.seed').count(), 3);
        const { view: now } = (await panel.memory())!;
        await panel.post({ type: 'view', view: { ...now, filter: 'pro', expanded: [] } });
        await panel.until(`document.querySelector('.arm-name')?.textContent === 'pro'`);
      },
      { memory },
    );
  });

  test('trouble is said and nothing goes away: problem, notices, messages that are none', () =>
    withPanel(async (panel) => {
      const problem = { code: 'file-missing', message: 'There is no such file.', remedy: 'Check the path.' };
      await panel.show({ ...state, problem, notices: ['The run directory of x was deleted while this was open.'] });
      assert.match(await textOf(panel.page.getByRole('alert')), /no such file.*Check the path\.\s+.*last comparison/s);
      await panel.page.getByText('was deleted while this was open').waitFor();
      assert.equal((await arms(panel)).length, 6);
      await panel.page.evaluate(`window.postMessage({ type: 'state', state: { comparison: 7 } }, '*')`);
      await panel.page.getByRole('button', { name: 'Try again' }).click();
      assert.deepEqual(await panel.lastSent('retry'), { type: 'retry' });
    }));

  test('before there is anything it says so', async () => {
    const panel = await lab.open();
    const { comparison: _, ...nothing } = state;
    await panel.show({ ...nothing, busy: 'Reading the runs and comparing them' });
    await panel.page.getByText('Reading the runs and comparing them…').waitFor();
    assert.deepEqual(await panel.axe(), []);
    await panel.page.close();
  });

  test('who uses a screen reader gets tables first', async () => {
    const panel = await lab.open();
    await panel.page.evaluate(`document.body.classList.add('vscode-using-screen-reader')`);
    await panel.show(state);
    await panel.page.locator('.numbers').first().waitFor();
    assert.equal(await panel.page.locator('canvas').count(), 0);
    assert.deepEqual(await panel.axe(), []);
    await panel.page.close();
  });

  for (const theme of themeNames) {
    test(`${theme}: axe-core finds nothing serious; picture in test-results`, () =>
      withPanel(
        async (panel) => {
          await panel.page.getByRole('button', { name: 'Show the seeds of s' }).click();
          await panel.page.locator('tr.seed').first().waitFor();
          assert.deepEqual(await panel.axe(), []);
          await panel.page.evaluate(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`);
          await panel.page.screenshot({ path: join(pictures, `panel-${theme}.png`), fullPage: true });
        },
        { theme, height: 1600 },
      ));
  }
});
