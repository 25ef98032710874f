// Bundles every entry point with esbuild. One table: name → source, format.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// execa's dependencies are CommonJS; inside an ES module bundle they need a `require`.
const banner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

const entries = {
  strata: { source: 'src/cli/main.ts', shebang: true }, // the command line; also the runner's processes (hidden verbs)
};

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const options = Object.entries(entries).map(([name, { source, shebang }]) => ({
  entryPoints: [join(root, source)],
  outfile: join(root, 'dist', `${name}.mjs`),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
  external: ['onnxruntime-node'],
  define: { __VERSION__: JSON.stringify(version) },
  loader: { '.wasm': 'binary' },
  banner: { js: `${shebang ? '#!/usr/bin/env node\n' : ''}${banner}` },
}));

await mkdir(join(root, 'dist'), { recursive: true });
if (process.argv.includes('--watch')) {
  for (const o of options) await (await esbuild.context(o)).watch();
} else {
  await Promise.all(options.map((o) => esbuild.build(o)));
  await writeFile(join(root, 'dist', 'package.json'), '{ "type": "module" }\n');
}
