// `npm test`: installs what is missing, then runs every check. The last line is `N passed, N failed, N skipped`.
//   node scripts/test.mjs [STEP…]      only these steps of the table below
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { build, installPackages, root, systemPackages } from './setup.mjs';
import { installVulkan } from './vulkan.mjs';

const shared = join(root, '..', 'shared');
const required = new Set((process.env.STRATA_REQUIRE ?? '').split(',').filter(Boolean));
const work = mkdtempSync(join(tmpdir(), 'strata-npm-test-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

const bin = (name) => join(root, 'node_modules', '.bin', name);
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const skips = [];

/** Runs a program with its output shown; resolves to exit code and output. */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    const show = (stream) => (chunk) => {
      output += chunk;
      stream.write(chunk);
    };
    child.stdout.on('data', show(process.stdout));
    child.stderr.on('data', show(process.stderr));
    child.on('error', (error) => resolve({ code: 1, output: String(error) }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

function testFiles(folder) {
  const at = join(root, 'test', folder);
  if (!existsSync(at)) return [];
  return readdirSync(at, { recursive: true })
    .filter((f) => f.endsWith('.test.ts'))
    .map((f) => join(at, f))
    .sort();
}

/** A step that is one check: passed or failed. */
const single = (name, command, args) => async () => {
  const { code } = await run(command, args);
  code === 0 ? totals.passed++ : totals.failed++;
  if (code !== 0) failures.push(name);
};

/** A folder of node:test files; every test counts. */
const nodeTests = (folder, concurrency) => async () => {
  const files = testFiles(folder);
  if (files.length === 0) return;
  const tap = join(work, `${folder}.tap`);
  const { code } = await run(process.execPath, [
    '--import',
    'tsx',
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-reporter=dot',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
    ...files.map((f) => relative(root, f)),
  ]);
  const text = readFileSync(tap, 'utf8');
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const failed = count('fail') + count('cancelled');
  totals.passed += count('pass');
  totals.failed += failed;
  totals.skipped += count('skipped');
  for (const [, name, reason] of text.matchAll(/^\s*ok \d+ - (.*?) # SKIP ?(.*)$/gm)) skips.push(`${name}: ${reason}`);
  if (failed > 0) {
    for (const [, name] of text.matchAll(/^\s*not ok \d+ - (.*)$/gm)) failures.push(`${folder}: ${name}`);
    console.log(
      text
        .split('\n')
        .filter((l) => !/^\s*(ok |# Subtest|duration_ms|type:|---|\.\.\.|1\.\.)/.test(l))
        .join('\n'),
    );
  } else if (code !== 0) {
    totals.failed++;
    failures.push(`${folder}: ended with ${code}`);
  }
};

/** The reference values beside the project, where they are. */
const acceptance =
  (...kinds) =>
  async () => {
    const check = join(shared, 'acceptance', 'check.mjs');
    if (!existsSync(check)) {
      if (required.has('shared')) {
        totals.failed++;
        failures.push('acceptance: STRATA_REQUIRE names shared, but it is not here');
      } else {
        totals.skipped++;
        skips.push('acceptance: the reference values (../shared) are not here');
      }
      return;
    }
    const { code, output } = await run(process.execPath, [check, ...kinds, '.']);
    const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
    totals.passed += Number(passed);
    totals.failed += Number(failed);
    for (const [line] of output.matchAll(/^FAIL.*$/gm)) failures.push(`acceptance: ${line}`);
    if (code !== 0 && Number(failed) === 0) {
      totals.failed++;
      failures.push(`acceptance: ended with ${code}`);
    }
  };

/** Where the test host of a real VS Code is, and what installs it. */
const vscodeLab = join(shared, 'labs', 'vscode-host');

/** Why there is no VS Code to test in, or undefined. Installing it takes a minute, the first time on a machine. */
async function lackOfHost() {
  if (!existsSync(join(vscodeLab, 'setup.sh'))) return 'the VS Code test host (../shared/labs/vscode-host) is not here';
  const { code, output } = await run('bash', [join(vscodeLab, 'setup.sh')]);
  return code === 0 ? undefined : `the VS Code test host cannot be installed: ${output.trim().split('\n').at(-1)}`;
}

/** A script that needs a real VS Code and ends with `N passed, N failed, N skipped`. */
const inVsCode = (name, args) => async () => {
  const lack = await lackOfHost();
  if (lack !== undefined) {
    required.has('vscode') ? totals.failed++ : totals.skipped++;
    (required.has('vscode') ? failures : skips).push(`${name}: ${lack}`);
    return;
  }
  const { code, output } = await run(process.execPath, ['--import', 'tsx', ...args]);
  const [, passed = 0, failed = 0, skipped = 0] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output) ?? [];
  totals.passed += Number(passed);
  totals.failed += Number(failed);
  totals.skipped += Number(skipped);
  for (const [, title] of output.matchAll(/^FAILED (.*)$/gm)) failures.push(`${name}: ${title}`);
  if (code !== 0 && Number(failed) === 0) {
    totals.failed++;
    failures.push(`${name}: ended with ${code}`);
  }
};

const steps = {
  typecheck: single('type check', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit']),
  typecheckWebview: single('type check of the webview', process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '--noEmit',
    '-p',
    'webview',
  ]),
  lint: single('lint', bin('biome'), ['check', '.']),
  rooms: single('room boundaries', bin('depcruise'), ['--config', '.dependency-cruiser.cjs', 'src']),
  unit: nodeTests('unit', 2),
  fuzz: nodeTests('fuzz', 1),
  engine: async () => {
    for (const lack of installVulkan()) console.log(lack);
    await nodeTests('engine', 1)();
  },
  launch: nodeTests('launch', 1),
  suite: inVsCode('suite', ['scripts/suite.mjs']),
  ui: nodeTests('ui', 1),
  walk: inVsCode('walk', ['scripts/ui.mjs']),
  acceptance: acceptance('logits', 'tokenizer', 'stories', 'surgery', 'training', 'analysis', 'benchmarks'),
  labs: async () => {
    // Faults that the launch tests inject a few times are injected hundreds of times.
    process.env.STRATA_LABS = '1';
    for (const folder of ['launch', 'labs']) await nodeTests(folder, 1)();
  },
  demo: single('demo', process.execPath, [join(root, 'scripts/demo.mjs'), '--check']),
};

installPackages();
build();
// Real servers on loopback; what cannot be installed is told by the tests that miss it.
const servers = [
  { program: '/usr/sbin/sshd', debian: 'openssh-server' },
  { program: '/usr/sbin/munged', debian: 'munge' },
  { program: '/usr/sbin/slurmctld', debian: 'slurmctld' },
  { program: '/usr/sbin/slurmd', debian: 'slurmd' },
  { program: '/usr/bin/sbatch', debian: 'slurm-client' },
];
if (process.argv.includes('labs')) servers.push({ program: '/usr/sbin/nft', debian: 'nftables' });
for (const lack of systemPackages(servers)) console.log(`No ${lack}`);
/** Minutes of faults and whole experiments on other machines: `npm run test:labs`. */
const slow = new Set(['labs']);
const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(steps).filter((step) => !slow.has(step))) {
  if (!steps[name]) throw new Error(`no step "${name}"; there are ${Object.keys(steps).join(', ')}`);
  const began = Date.now();
  console.log(`\n── ${name}`);
  await steps[name]();
  console.log(`   ${name}: ${((Date.now() - began) / 1000).toFixed(0)} s`);
}
if (skips.length > 0) console.log(`\nSkipped:\n${skips.map((s) => `  ${s}`).join('\n')}`);
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((s) => `  ${s}`).join('\n')}`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
