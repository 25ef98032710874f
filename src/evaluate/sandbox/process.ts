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

/** `work`, unless the process takes more time or (where the system says so: Linux) more memory first. */
export async function withinLimits<T>(
  { child }: LineProcess,
  work: Promise<T>,
  { timeLimit, memoryLimit }: { timeLimit: number; memoryLimit: number },
): Promise<Outcome<T>> {
  const timers: NodeJS.Timeout[] = [];
  const limit = new Promise<Outcome<T>>((resolve) => {
    timers.push(setTimeout(() => resolve('timed out'), timeLimit));
    if (process.platform !== 'linux' || child.pid === undefined) return;
    const look = async () => {
      if ((await residentBytes(child.pid!)) > memoryLimit) resolve('out of memory');
    };
    timers.push(setInterval(() => void look(), 25));
  });
  try {
    return await Promise.race([work.then((value) => ({ value })), limit]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
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
