import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Texts } from '../../src/base/translate.ts';
import { panelHtml } from '../../src/extension/panel/html.ts';
import type { PanelState, PanelView, ToHost, ToPanel } from '../../src/protocol/panel.ts';
import { needs, root } from '../support.ts';
import themes from './themes.json' with { type: 'json' };

/** The compare panel's real page, script and style in a browser, with this test in place of the extension. */

const lab = join(root, '..', 'shared', 'labs', 'vscode-host', 'host.mjs');

/** What of playwright-core is used; it lives in the lab, not among this project's packages. */
export interface Locator {
  click(options?: object): Promise<void>;
  fill(text: string): Promise<void>;
  press(key: string): Promise<void>;
  hover(options?: object): Promise<void>;
  dblclick(options?: object): Promise<void>;
  focus(): Promise<void>;
  waitFor(options?: object): Promise<void>;
  count(): Promise<number>;
  innerText(): Promise<string>;
  allInnerTexts(): Promise<string[]>;
  getAttribute(name: string): Promise<string | null>;
  isVisible(): Promise<boolean>;
  selectOption(value: string): Promise<string[]>;
  boundingBox(): Promise<{ x: number; y: number; width: number; height: number } | null>;
  scrollIntoViewIfNeeded(): Promise<void>;
  first(): Locator;
  nth(index: number): Locator;
  filter(options: object): Locator;
  locator(selector: string, options?: object): Locator;
  getByRole(role: string, options?: object): Locator;
  getByText(text: string | RegExp, options?: object): Locator;
  getByLabel(text: string | RegExp, options?: object): Locator;
}
export interface Page extends Pick<Locator, 'locator' | 'getByRole' | 'getByText' | 'getByLabel'> {
  goto(url: string): Promise<unknown>;
  evaluate<T = unknown>(code: string): Promise<T>;
  addInitScript(script: { content: string }): Promise<void>;
  on(event: string, handler: (value: { text(): string; type(): string; url(): string; message: string }) => void): void;
  mouse: {
    move(x: number, y: number, options?: object): Promise<void>;
    down(): Promise<void>;
    up(): Promise<void>;
  };
  keyboard: { press(key: string): Promise<void> };
  screenshot(options: object): Promise<unknown>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  close(): Promise<void>;
}
/** A part of the page as a person reads it: without what is hidden. */
// biome-ignore lint/performance/useDomNodeTextContent: textContent would give hidden parts as well
export const textOf = (part: Locator): Promise<string> => part.innerText();

interface Browser {
  newPage(options: object): Promise<Page>;
  close(): Promise<void>;
}

interface Installation {
  browser: string;
  require: NodeJS.Require;
}

async function installation(): Promise<Installation | undefined> {
  if (!existsSync(lab)) return undefined;
  const { findInstallation } = (await import(pathToFileURL(lab).href)) as { findInstallation(): Installation };
  try {
    return findInstallation();
  } catch {
    return undefined;
  }
}

const found = await installation();

/** Options for a test that needs the lab's browser and the built panel. */
export const needsBrowser = needs(
  'vscode',
  found !== undefined && existsSync(join(root, 'dist', 'panel.js')),
  "the lab's browser is not installed, or dist/panel.js is not built",
);

export type ThemeName = keyof typeof themes;
export const themeNames = Object.keys(themes) as ThemeName[];

export interface PanelPage {
  page: Page;
  /** Messages of the panel, oldest first. */
  sent(): Promise<ToHost[]>;
  /** The last message of a kind. */
  lastSent<K extends ToHost['type']>(type: K): Promise<Extract<ToHost, { type: K }> | undefined>;
  /** Waits until an expression holds in the page. Playwright's own way evaluates in the page, which its policy forbids. */
  until(expression: string): Promise<void>;
  post(message: ToPanel): Promise<void>;
  /** Posts a state and waits until it is drawn. */
  show(state: PanelState): Promise<void>;
  memory(): Promise<{ view: PanelView } | undefined>;
  setTheme(theme: ThemeName): Promise<void>;
  /** Console errors, page errors and requests beyond the page's own server. */
  complaints: string[];
  /** Violations that axe-core calls serious or critical. */
  axe(): Promise<{ id: string; nodes: string[] }[]>;
}

const fakeEditor = (memory: unknown) => `
  window.sent = [];
  window.memory = ${JSON.stringify(memory ?? null)} ?? undefined;
  window.acquireVsCodeApi = () => ({
    postMessage: (message) => window.sent.push(structuredClone(message)),
    getState: () => window.memory,
    setState: (state) => { window.memory = structuredClone(state); },
  });`;

export interface Lab {
  open(options?: { theme?: ThemeName; memory?: unknown; width?: number; height?: number }): Promise<PanelPage>;
  close(): Promise<void>;
}

/** `texts`: of the language of the page; English without. */
export async function startLab(texts: Texts = {}): Promise<Lab> {
  const { chromium } = found!.require('playwright-core') as { chromium: { launch(options: object): Promise<Browser> } };
  const server = await serve(texts);
  const { port } = server.address() as AddressInfo;
  const browser = await chromium.launch({ executablePath: found!.browser, args: ['--no-sandbox', '--disable-gpu'] });
  return {
    async open({ theme = 'dark', memory, width = 1280, height = 1000 } = {}) {
      const page = await browser.newPage({ viewport: { width, height } });
      const complaints: string[] = [];
      page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (r) => {
        if (!/^(data|blob):/.test(r.url()) && !r.url().startsWith(`http://127.0.0.1:${port}/`))
          complaints.push(r.url());
      });
      await page.addInitScript({ content: fakeEditor(memory) });
      await page.goto(`http://127.0.0.1:${port}/`);
      const panel = panelPage(page, complaints);
      await panel.setTheme(theme);
      return panel;
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

function panelPage(page: Page, complaints: string[]): PanelPage {
  const sent = () => page.evaluate<ToHost[]>('window.sent');
  const post = async (message: ToPanel) => {
    await page.evaluate(`window.postMessage(${JSON.stringify(message)}, '*')`);
  };
  const until = async (expression: string) => {
    for (const start = Date.now(); !(await page.evaluate<boolean>(`Boolean(${expression})`)); ) {
      if (Date.now() - start > 15_000) throw new Error(`in 15 s it did not come true that ${expression}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  return {
    page,
    complaints,
    sent,
    until,
    async lastSent(type) {
      return (await sent()).findLast((m): m is Extract<ToHost, { type: typeof type }> => m.type === type);
    },
    post,
    async show(state) {
      const drawn = await page.evaluate<number>(`performance.getEntriesByName('strata:charts').length`);
      await post({ type: 'state', state });
      await until(`performance.getEntriesByName('strata:charts').length > ${drawn}`);
    },
    memory: () => page.evaluate<{ view: PanelView } | undefined>('window.memory'),
    async setTheme(theme) {
      const { kind, variables } = themes[theme];
      await page.evaluate(`(() => {
        document.body.className = ${JSON.stringify(kind)};
        document.documentElement.removeAttribute('style');
        for (const [name, value] of Object.entries(${JSON.stringify(variables)}))
          document.documentElement.style.setProperty(name, value);
      })()`);
    },
    async axe() {
      await page.evaluate(await readFile(found!.require.resolve('axe-core/axe.min.js'), 'utf8'));
      const all = await page.evaluate<{ id: string; impact: string; nodes: { target: string[]; html: string }[] }[]>(
        'axe.run(document).then((r) => r.violations)',
      );
      return all
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => ({ id, nodes: nodes.map((n) => `${n.target.join(' ')}: ${n.html.slice(0, 120)}`) }));
    },
  };
}

/** The page as the extension writes it, with its files beside it. */
async function serve(texts: Texts): Promise<Server> {
  const files: Record<string, { type: string; path: string }> = {
    '/panel.js': { type: 'text/javascript', path: join(root, 'dist', 'panel.js') },
    '/panel.css': { type: 'text/css', path: join(root, 'dist', 'panel.css') },
  };
  const server = createServer(async (request, response) => {
    const file = files[request.url ?? ''];
    if (file) {
      response.writeHead(200, { 'content-type': file.type });
      response.end(await readFile(file.path));
    } else if (request.url === '/') {
      const { port } = server.address() as AddressInfo;
      const origin = `http://127.0.0.1:${port}`;
      const page = { script: '/panel.js', style: '/panel.css', origin, nonce: 'nonce0123456789', title: 'Compare' };
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(panelHtml({ ...page, language: 'en', texts }));
    } else response.writeHead(204).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}
