// Bundles every entry point with esbuild. One table: file in dist → source and what differs.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';
import { mended } from './mended.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// execa's dependencies are CommonJS; inside an ES module bundle they need a `require`.
const banner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/** What each kind of entry is built for. */
const kinds = {
  /** Processes of their own, and workers: ES modules for Node. */
  node: {
    ending: 'mjs',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['onnxruntime-node'],
    // Names stay: what an error says of where it arose can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    banner: { js: banner },
  },
  /** What runs on other machines: nothing but Node, which may be older there. */
  agent: { ending: 'mjs', platform: 'node', target: 'node18', format: 'esm', minify: true },
  /** What the editor loads by itself: CommonJS for its Node. */
  editor: {
    ending: 'cjs',
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    external: ['vscode', 'onnxruntime-node'],
    minify: true,
    // The ES modules that packages offer beside UMD, which esbuild cannot look into.
    mainFields: ['module', 'main'],
    // The file's own address stands in for `import.meta.url`.
    banner: { js: "const __moduleUrl=require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': '__moduleUrl' },
  },
  /** Scripts of webviews; a style sheet that one imports is written beside it. */
  browser: { ending: 'js', platform: 'browser', target: 'chrome130', format: 'iife', minify: true },
};

const entries = {
  strata: { kind: 'node', source: 'src/cli/main.ts', shebang: true }, // the command line; also the runner's processes (hidden verbs)
  agent: { kind: 'agent', source: 'src/launch/agent/main.ts' }, // what a client runs on a host; starts and watches over runs there
  sandbox: { kind: 'node', source: 'src/evaluate/sandbox/child.ts' }, // a process that runs one generated Python program
  compare: { kind: 'node', source: 'src/extension/panel/worker.ts' }, // the compare panel's thread: reads runs, computes comparisons
  extension: { kind: 'editor', source: 'src/extension/extension.ts', lazy: true }, // what the editor loads first
  client: { kind: 'editor', source: 'src/extension/client.ts' }, // of the language server; loaded with the first experiment file
  describe: { kind: 'editor', source: 'src/extension/layers/describe.ts' }, // parser and planner; loaded with the first layer tree
  spawn: { kind: 'editor', source: 'src/extension/spawn.ts' }, // child processes; loaded with the first verb that is run
  server: { kind: 'editor', source: 'src/language/server.ts' }, // the language server
  // Suites that run inside the editor, one start of it each.
  'test/main': { kind: 'editor', source: 'test/suite/main.ts' },
  'test/reload': { kind: 'editor', source: 'test/suite/reload.ts' },
  'test/days': { kind: 'editor', source: 'test/suite/days.ts' },
  'test/hosts': { kind: 'editor', source: 'test/suite/hosts.ts' },
  'test/restricted': { kind: 'editor', source: 'test/suite/restricted.ts' },
  panel: { kind: 'browser', source: 'webview/panel.ts' }, // the compare panel's page
};

/** An `import('./x.ts')` of the extension is the entry `x`, a bundle of its own that is loaded when it is needed. */
const lazyEntries = {
  name: 'lazy-entries',
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ path, kind }) => {
      if (kind !== 'dynamic-import') return undefined;
      const name = basename(path, '.ts');
      if (!entries[name])
        return { errors: [{ text: `${path} is imported lazily, but ${name} is no entry in scripts/build.mjs` }] };
      return { path: `./${name}.cjs`, external: true };
    });
  },
};

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
// `node scripts/build.mjs server` builds only what is named.
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const chosen = Object.entries(entries).filter(([name]) => named.length === 0 || named.includes(name));
const options = chosen.map(([name, { kind, source, shebang, lazy }]) => {
  const { ending, define, ...platform } = kinds[kind];
  return {
    ...platform,
    entryPoints: [join(root, source)],
    outfile: join(root, 'dist', `${name}.${ending}`),
    bundle: true,
    sourcemap: true,
    legalComments: 'none',
    logLevel: 'warning',
    define: { __VERSION__: JSON.stringify(version), ...define },
    loader: { '.wasm': 'binary' },
    plugins: lazy ? [mended, lazyEntries] : [mended],
    ...(lazy && { supported: { 'dynamic-import': false } }),
    ...(shebang && { banner: { js: `#!/usr/bin/env node\n${banner}` } }),
  };
});

await mkdir(join(root, 'dist'), { recursive: true });
if (process.argv.includes('--watch')) {
  for (const o of options) await (await esbuild.context(o)).watch();
} else {
  await Promise.all(options.map((o) => esbuild.build(o)));
  await writeFile(join(root, 'dist', 'package.json'), '{ "type": "module" }\n');
}
