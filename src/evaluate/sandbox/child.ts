import fs from 'node:fs';

/*
 * The whole life of one sandbox process: load Python, say so, run one program, say how it ended. It is started by
 * `pyodide.ts` under Node's permission model (reads its own files only: no writes, no processes, no workers, no add-ons),
 * without code generation from strings, with an empty environment; that is the boundary. What is taken away below comes on
 * top: the permission model of Node 20 to 24 does not cover the network, so nothing that reaches it is left in the process.
 *
 *   node … sandbox.mjs PYODIDE_URL SNAPSHOT          fd 0: {"nonce", "program"} and a line end; fd 1: one line each time
 *   node … sandbox.mjs PYODIDE_URL --make-snapshot   fd 1: the bytes of a snapshot
 */

const [url = '', snapshot = ''] = process.argv.slice(2);

/** Modules that programs of benchmarks use: with them in the snapshot no problem waits for an import. */
const imported =
  `import typing, math, re, collections, heapq, hashlib, random, copy, string, itertools, functools, json, sys, datetime,
    bisect, operator, fractions, decimal, statistics, cmath`.replace(/\s+/g, ' ');

interface Python {
  version: string;
  runPython(code: string, options?: { globals?: unknown }): unknown;
  toPy(value: object): unknown;
  setStdout(options: { write(bytes: Uint8Array): number }): void;
  setStderr(options: { write(bytes: Uint8Array): number }): void;
  makeMemorySnapshot(): Uint8Array;
}
type Load = (options: Record<string, unknown>) => Promise<Python>;

/** Python finds no JavaScript module by name. Not a boundary: whoever digs deep enough still finds their objects. */
const hideJavaScript = `
import sys, importlib.abc
class _Hidden(importlib.abc.MetaPathFinder):
    names = ('js', 'pyodide_js', 'pyodide', '_pyodide', '_pyodide_core', 'micropip')
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, _Hidden())
for _name in [n for n in sys.modules if n.split('.')[0] in _Hidden.names]:
    del sys.modules[_name]
`;

refuseUnlessLocked();

/** The loader asks for Node's internal constants, which the permission model refuses: here are the public ones. */
Object.defineProperty(process, 'binding', {
  value: (name: string) => {
    if (name === 'constants') return { fs: fs.constants };
    throw new Error('process.binding is off');
  },
  configurable: true,
});

const { loadPyodide } = (await import(url)) as { loadPyodide: Load };
const base = { jsglobals: {}, stdin: () => null, env: { HOME: '/home/pyodide', PYTHONHASHSEED: '0' } };

if (snapshot === '--make-snapshot') {
  const python = await loadPyodide({ ...base, _makeSnapshot: true });
  python.runPython(imported);
  const bytes = python.makeMemorySnapshot();
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at);
  process.exit(0);
}

const python = await loadPyodide({ ...base, _loadSnapshot: fs.readFileSync(snapshot) });
const swallow = { write: (bytes: Uint8Array) => bytes.length };
python.setStdout(swallow);
python.setStderr(swallow);
const version = String(python.runPython('import sys; sys.version.split()[0]'));
python.runPython(hideJavaScript);
const globals = python.toPy({ __name__: '__main__' });
const { runPython } = python;
const { writeSync, readSync } = fs;
// Without the handlers of `process.exit`, which a program could have added to.
const exit = (process as unknown as { reallyExit(code: number): never }).reallyExit.bind(process);
takeAway();

writeSync(1, `{"ready":true,"version":${JSON.stringify(version)}}\n`);
const { nonce, program } = JSON.parse(readLine()) as { nonce: string; program: string };
// Made before the program runs: nothing that it changes in this process has a part in saying that it passed.
const passed = bytesOf(`${nonce} passed\n`);
const failed = bytesOf(`${nonce} failed `);
let error: unknown;
let ended = false;
try {
  runPython(program, { globals });
  ended = true;
} catch (thrown) {
  error = thrown;
}
writeSync(1, ended ? passed : failed);
if (!ended) writeSync(1, describe(error));
exit(0);

/** The exception's class, for people. What the program left may break here: it has failed already. */
function describe(thrown: unknown): string {
  try {
    const type = String((thrown as { type?: unknown }).type ?? 'Error');
    return `${JSON.stringify(type.slice(0, 100))}\n`;
  } catch {
    return '"Error"\n';
  }
}

/** Whatever started it: without its locks this process runs nothing. */
function refuseUnlessLocked(): void {
  const { permission } = process as unknown as { permission?: { has(scope: string): boolean } };
  const open = ['fs.write', 'child', 'worker'].filter((scope) => permission?.has(scope) !== false);
  if (open.length > 0) throw new Error(`error: the permission model leaves open: ${open.join(', ')}`);
  try {
    Reflect.construct(Function, ['return 1']);
  } catch {
    return;
  }
  throw new Error('error: code can be made from strings');
}

/** A copy in memory of its own: Node's small buffers share theirs. */
function bytesOf(text: string): Uint8Array {
  return new Uint8Array(new TextEncoder().encode(text));
}

function readLine(): string {
  const parts: Buffer[] = [];
  const chunk = Buffer.alloc(1 << 16);
  for (;;) {
    const n = readSync(0, chunk);
    parts.push(Buffer.from(chunk.subarray(0, n)));
    if (n === 0 || chunk.subarray(0, n).includes(0x0a)) return Buffer.concat(parts).toString('utf8');
  }
}

function takeAway(): void {
  const things = `fetch WebSocket EventSource XMLHttpRequest Worker BroadcastChannel MessageChannel MessagePort navigator Response
    Request Headers FormData require`;
  for (const name of things.split(/\s+/)) replace(globalThis, name);
  const ofProcess = `binding _linkedBinding dlopen kill send chdir setuid setgid seteuid setegid setgroups initgroups
    getBuiltinModule abort mainModule loadEnvFile reallyExit _debugProcess _debugEnd _startProfilerIdleNotifier`;
  for (const name of ofProcess.split(/\s+/)) replace(process, name);
}

function replace(owner: object, name: string): void {
  Reflect.deleteProperty(owner, name);
  Reflect.defineProperty(owner, name, { value: undefined, configurable: false, writable: false });
}
