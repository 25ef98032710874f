// `npm run package`: one VSIX per platform with only that platform's runtime, and a universal one without, in which all works
// but running.    node scripts/package.mjs [TARGET…]    (default: all of the table)    → packages/strata-<target>-<version>.vsix
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build, installPackages, root } from './setup.mjs';

/** Where onnxruntime-node keeps the libraries of each target; the universal package has none. */
const targets = {
  'linux-x64': 'linux/x64',
  'linux-arm64': 'linux/arm64',
  'darwin-arm64': 'darwin/arm64',
  'win32-x64': 'win32/x64',
  'win32-arm64': 'win32/arm64',
  universal: undefined,
};

/** What the extension consists of beside `dist/`. */
const parts = [
  'media',
  'syntaxes',
  'snippets',
  'l10n',
  'language-configuration.json',
  'package.nls.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  '.vscodeignore',
  'docs/experiment.schema.json',
  'samples/base',
  'samples/data',
  'samples/base.strata.yaml',
  'samples/shallow-vs-rivals.strata.yaml',
];

/** Packages that are loaded at run time, and which of their files. Everything else is in the bundles. */
const runtime = (libraries) => ({
  'onnxruntime-node': (path) =>
    path === 'package.json' || /^dist\/.*\.js$/.test(path) || path.startsWith(`bin/napi-v6/${libraries}/`),
  'onnxruntime-common': (path) => path === 'package.json' || /^dist\/cjs\/.*\.(js|json)$/.test(path),
  pyodide: (path) =>
    [
      'package.json',
      'pyodide.mjs',
      'pyodide.asm.mjs',
      'pyodide.asm.wasm',
      'python_stdlib.zip',
      'pyodide-lock.json',
    ].includes(path),
});

const copy = (from, to) => {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
};

function stage(target) {
  const folder = mkdtempSync(join(tmpdir(), `strata-${target}-`));
  for (const part of parts) if (existsSync(join(root, part))) copy(join(root, part), join(folder, part));
  for (const file of readdirSync(join(root, 'dist')))
    if (/\.(mjs|cjs|js|css|json)$/.test(file)) copy(join(root, 'dist', file), join(folder, 'dist', file));
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // The bundles need nothing installed; scripts and packages of the project are not the extension's.
  for (const key of ['private', 'scripts', 'dependencies', 'devDependencies', 'optionalDependencies'])
    delete manifest[key];
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  const libraries = targets[target];
  if (libraries === undefined) return folder;
  for (const [name, wanted] of Object.entries(runtime(libraries))) {
    const from = join(root, 'node_modules', name);
    const files = readdirSync(from, { recursive: true }).map((path) => path.replaceAll('\\', '/'));
    for (const path of files)
      if (wanted(path) && statSync(join(from, path)).isFile())
        copy(join(from, path), join(folder, 'dist', 'node_modules', name, path));
  }
  return folder;
}

installPackages();
build();
const { createVSIX } = await import('@vscode/vsce');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const out = join(root, 'packages');
mkdirSync(out, { recursive: true });
const named = process.argv.slice(2);
for (const target of named.length > 0 ? named : Object.keys(targets)) {
  if (!(target in targets)) throw new Error(`no target "${target}"; there are ${Object.keys(targets).join(', ')}`);
  const folder = stage(target);
  const packagePath = join(out, `strata-${target}-${version}.vsix`);
  try {
    await createVSIX({
      cwd: folder,
      packagePath,
      dependencies: false,
      allowMissingRepository: true,
      rewriteRelativeLinks: false,
      ...(target !== 'universal' && { target }),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${packagePath}  ${(statSync(packagePath).size / 1e6).toFixed(1)} MB`);
}
