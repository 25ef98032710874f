// `npm run demo`: installs, builds, and runs the main job on the embedded sample: six arms trained and evaluated here, the
// verdict on the terminal, the HTML report beside the runs. Nothing is prepared in advance.
//   --fresh   repeats runs that are finished        --check   in a temporary copy of the sample, for the tests
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { build, installPackages, root } from './setup.mjs';

const words = process.argv.slice(2);
const fresh = words.includes('--fresh');
const check = words.includes('--check');

function strata(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'dist', 'strata.mjs'), ...args], { cwd: root, stdio: 'inherit' });
    // Ctrl-C reaches the child as well; what it means is the child's to say.
    const wait = () => {};
    process.on('SIGINT', wait);
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

installPackages();
build();

let samples = join(root, 'samples');
if (check) {
  const copy = mkdtempSync(join(tmpdir(), 'strata-demo-'));
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
  cpSync(samples, copy, {
    recursive: true,
    filter: (path) => !path.includes('.strata') || path.endsWith('.strata.yaml'),
  });
  samples = copy;
}
const file = join(samples, 'shallow-vs-rivals.strata.yaml');
const report = join(samples, '.strata', 'shallow-vs-rivals.html');

const began = Date.now();
const code = await strata(['run', file, ...(fresh ? ['--fresh'] : [])]);
if (code !== 0) process.exit(code);
const reported = await strata(['compare', file, '--format', 'html', '--out', report]);
if (reported !== 0) process.exit(reported);
if (!existsSync(report) || statSync(report).size === 0) throw new Error(`no report at ${report}`);
console.log(
  `\nReport: ${check ? report : relative(process.cwd(), report)}   (${((Date.now() - began) / 1000).toFixed(0)} s)`,
);
if (!check) console.log('Run it again: finished runs are found. `npm run demo -- --fresh` repeats them.');
