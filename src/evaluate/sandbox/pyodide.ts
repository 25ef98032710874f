import { type StdioOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { exists } from '../../base/files.ts';
import { sha256 } from '../../base/hash.ts';
import { Failure, type Problem } from '../../base/problem.ts';
import {
  type LineProcess,
  limited,
  sandboxEnvironment,
  startLineProcess,
  verdictLine,
  withinLimits,
} from './process.ts';
import { type Sandbox, type SandboxOptions, sandboxDefaults, type Verdict } from './types.ts';

/** Processes that are started before they are needed: loading Python takes ten times as long as most programs run. */
const prewarmed = 2;
/** Loading may take this long on a machine that is busy with other things. */
const loadLimit = 60_000;
const wasmPages = 8192;

/** What every process of the sandbox is started with. */
interface Parts {
  /** Program and arguments in front of the snapshot. */
  command: string[];
  version: string;
  snapshot: string;
}

/**
 * The sandbox that is there on every platform: CPython compiled to WebAssembly in a Node process that may read its own files
 * and nothing else. One process a program, killed at the time limit. Fails with `sandbox-missing`.
 */
export async function openPyodide(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const limits = { ...sandboxDefaults, ...options };
  const parts = await prepare();
  const pool: Promise<Ready>[] = [];
  let closed = false;
  const fill = () => {
    while (!closed && pool.length < prewarmed) {
      const next = start(parts);
      // Whoever takes it hears of a failure.
      next.catch(() => {});
      pool.push(next);
    }
  };
  fill();
  const { python } = await pool[0]!;
  return {
    description: `pyodide ${parts.version}, Python ${python}`,
    async run(program) {
      const next = pool.shift() ?? start(parts);
      fill();
      return judge(await next, program, limits);
    },
    async close() {
      closed = true;
      for (const started of pool.splice(0)) await started.then(({ process }) => process.kill()).catch(() => {});
    },
  };
}

/** A process that has loaded Python and waits for its program. */
interface Ready {
  process: LineProcess;
  python: string;
}

async function start({ command, snapshot }: Parts): Promise<Ready> {
  const [program = '', ...args] = command;
  const started = startLineProcess(program, [...args, snapshot]);
  const outcome = await withinLimits(started, started.line(), { ...sandboxDefaults, timeLimit: loadLimit });
  const line = typeof outcome === 'object' ? outcome.value : undefined;
  if (line?.startsWith('{"ready":true')) {
    return { process: started, python: (JSON.parse(line) as { version: string }).version };
  }
  await started.kill();
  const said = started
    .errors()
    .split('\n')
    .find((text) => /error/i.test(text) && text.length < 300);
  const reason = typeof outcome === 'string' ? outcome : (said?.trim() ?? 'its process ended');
  return missing(`its process does not start (${reason})`);
}

async function judge(ready: Ready, program: string, limits: SandboxOptions): Promise<Verdict> {
  const nonce = randomBytes(16).toString('hex');
  ready.process.child.stdin!.write(`${JSON.stringify({ nonce, program })}\n`);
  const outcome = await withinLimits(ready.process, verdictLine(ready.process, nonce), limits);
  await ready.process.kill();
  return typeof outcome === 'string' ? { passed: false, detail: outcome } : outcome.value;
}

/** The parts of the sandbox, and its snapshot, made on first use. */
async function prepare(): Promise<Parts> {
  const require = createRequire(import.meta.url);
  let folder: string;
  try {
    folder = dirname(await realpath(require.resolve('pyodide/package.json')));
  } catch {
    return missing('the package pyodide is not installed');
  }
  const child = childFile();
  if (child === undefined) return missing('its program sandbox.mjs is not beside this one');
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  const cache = join(cacheHome(), 'strata', 'sandbox');
  await mkdir(cache, { recursive: true, mode: 0o700 });
  // Another pyodide, another Node or another child makes another snapshot.
  const key = sha256(`${version} ${process.version} ${process.arch} ${await readFile(child, 'utf8')}`).slice(0, 16);
  const snapshot = join(await realpath(cache), `pyodide-${version}-${key}.bin`);
  const command = [...nodeCommand(child, folder, snapshot), child, pathToFileURL(join(folder, 'pyodide.mjs')).href];
  if (!(await exists(snapshot))) await makeSnapshot(command, snapshot);
  return { command, version, snapshot };
}

/** Most of a process's time is its start: no function is compiled twice for that, only in programs that compute for long. */
const quickStart = '--wasm-tiering-budget=30000000';

/** Node with everything off that it can switch off. */
function nodeCommand(child: string, pyodide: string, snapshot: string): string[] {
  const stable = process.allowedNodeEnvironmentFlags.has('--permission');
  const readable = [child, join(pyodide, '*'), snapshot];
  return [
    process.execPath,
    stable ? '--permission' : '--experimental-permission',
    '--no-warnings',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    '--disallow-code-generation-from-strings',
    '--max-old-space-size=256',
    `--wasm-max-mem-pages=${wasmPages}`,
    quickStart,
  ];
}

/** Written by the process through an open file, which needs no permission of its own; there whole or not at all. */
async function makeSnapshot([program = '', ...args]: readonly string[], snapshot: string): Promise<void> {
  const unfinished = `${snapshot}.${randomBytes(6).toString('hex')}`;
  const file = await open(unfinished, 'wx', 0o600);
  try {
    const [command, rest] = limited(program, args);
    const stdio: StdioOptions = ['ignore', file.fd, 'pipe'];
    const child = spawn(command, [...rest, '--make-snapshot'], { env: sandboxEnvironment(), stdio, windowsHide: true });
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
    if (code !== 0) missing(`its snapshot of Python cannot be made (${errors.trim().split('\n').at(-1)})`);
    await file.sync();
    await rename(unfinished, snapshot);
  } finally {
    await file.close();
    await rm(unfinished, { force: true });
  }
}

/** Beside this file in a bundle; in `dist` when this is the source. */
function childFile(): string | undefined {
  const here = dirname(fileURLToPath(import.meta.url));
  return [join(here, 'sandbox.mjs'), join(here, '../../../dist/sandbox.mjs')].find((file) => existsSync(file));
}

function cacheHome(): string {
  const set = process.env['XDG_CACHE_HOME'];
  return set && isAbsolute(set) ? set : join(homedir(), '.cache');
}

function missing(reason: string): never {
  throw new Failure(missingProblem(reason));
}

function missingProblem(reason: string): Problem {
  return {
    code: 'sandbox-missing',
    message: `Generated programs cannot be run, because the sandbox is missing: ${reason}.`,
    remedy: 'Install Strata with all its packages, or on Linux use sandbox: bwrap. Nothing runs without a sandbox.',
  };
}
