import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Verdict } from './types.ts';

/** Output that is kept of a process; the rest is read and thrown away. */
const mostOutput = 64 * 1024;

/** A process of a sandbox, read line by line. */
export interface LineProcess {
  readonly child: ChildProcess;
  /** The next line of standard output; undefined when there is none to come. */
  line(): Promise<string | undefined>;
  /** The end of what it wrote to standard error. */
  errors(): string;
  /** Ends it at once, with what it started; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Nothing of this process's environment, but for what the system needs to start a process at all. */
export function sandboxEnvironment(): NodeJS.ProcessEnv {
  const root = process.env['SystemRoot'];
  return {
    ...(process.versions['electron'] !== undefined && { ELECTRON_RUN_AS_NODE: '1' }),
    ...(process.platform === 'win32' && root !== undefined && { SystemRoot: root }),
  };
}

/** Seconds of processor time: should this process die, what it started does not go on for ever. */
const processorLimit = 60;

/** The command under a limit of processor time and without core dumps, where there is a shell to set them. */
export function limited(command: string, args: readonly string[]): [string, string[]] {
  if (process.platform === 'win32') return [command, [...args]];
  const script = `ulimit -c 0; ulimit -t ${processorLimit}; exec "$@"`;
  return ['/bin/sh', ['-c', script, 'sh', command, ...args]];
}

/** Starts a process with an empty environment and limits, in a group of its own. */
export function startLineProcess(program: string, given: readonly string[]): LineProcess {
  const detached = process.platform !== 'win32';
  const [command, args] = limited(program, given);
  const child = spawn(command, args, {
    env: sandboxEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached,
    windowsHide: true,
  });
  let [output, kept, errors] = ['', 0, ''];
  let over = false;
  let wake: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    const end = () => {
      over = true;
      wake();
      resolve();
    };
    child.once('close', end);
    child.once('error', (error) => {
      errors += error.message;
      end();
    });
  });
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    kept += text.length;
    if (kept <= mostOutput) output += text;
    wake();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-mostOutput);
  });

  return {
    child,
    errors: () => errors,
    async line() {
      for (;;) {
        const at = output.indexOf('\n');
        if (at >= 0) {
          const line = output.slice(0, at);
          output = output.slice(at + 1);
          return line;
        }
        if (over) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async kill() {
      if (!over && child.pid !== undefined) {
        try {
          process.kill(detached ? -child.pid : child.pid, 'SIGKILL');
        } catch {
          child.kill('SIGKILL');
        }
      }
      await gone;
    },
  };
}

/** How a race against the limits ended. */
export type Outcome<T> = { value: T } | 'timed out' | 'out of memory';

/** A process that others keep from the processor has at most this many times its limit. */
const patience = 5;

/**
 * `work`, unless the process takes more time or (where the system says so: Linux) more memory first. There a process that wants
 * to run and was not let run for as long as it may, because others use the cores, is not held to have taken the time.
 */
export async function withinLimits<T>(
  { child }: LineProcess,
  work: Promise<T>,
  { timeLimit, memoryLimit }: { timeLimit: number; memoryLimit: number },
): Promise<Outcome<T>> {
  const timers: NodeJS.Timeout[] = [];
  const watched = process.platform === 'linux' ? child.pid : undefined;
  const began = performance.now();
  const before = watched === undefined ? undefined : await processorTime(watched);
  const limit = new Promise<Outcome<T>>((resolve) => {
    const expire = async () => {
      const now = watched === undefined ? undefined : await processorTime(watched);
      const starved = before && now?.running && now.used - before.used < timeLimit;
      if (!starved || performance.now() - began > patience * timeLimit) resolve('timed out');
      else timers.push(setTimeout(() => void expire(), timeLimit / 10).unref());
    };
    timers.push(setTimeout(() => void expire(), timeLimit));
    if (watched === undefined) return;
    const look = async () => {
      if ((await residentBytes(watched)) > memoryLimit) resolve('out of memory');
    };
    timers.push(setInterval(() => void look(), 25));
  });
  try {
    return await Promise.race([work.then((value) => ({ value })), limit]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Milliseconds of the processor that a process had, and whether it is running or waits for its turn. */
async function processorTime(pid: number): Promise<{ used: number; running: boolean }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // Behind the name, which may hold anything: state, …, utime and stime in hundredths of a second (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { used: 10 * (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)), running: fields[0] === 'R' };
}

/** Resident memory of a process; 0 when it is gone. */
async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '0 0');
  return Number(text.split(' ')[1]) * 4096;
}

/** The first line with the nonce, which the program does not know; it may write what it likes before. */
export async function verdictLine(started: LineProcess, nonce: string): Promise<Verdict> {
  for (;;) {
    const line = await started.line();
    if (line === undefined) return { passed: false, detail: 'died' };
    const at = line.indexOf(nonce);
    if (at < 0) continue;
    const [, state, type] = /^ (passed|failed)(?: "([^"\\]*)")?/.exec(line.slice(at + nonce.length)) ?? [];
    if (state === 'passed') return { passed: true, detail: 'passed' };
    return { passed: false, detail: `failed: ${type ?? 'Error'}` };
  }
}
