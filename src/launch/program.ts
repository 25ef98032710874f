import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** Command line that starts this program; its hidden verbs `__dispatch`, `__supervise`, `__work` are the processes of a place. */
export type Program = readonly [string, ...string[]];

/** The program that runs now. Flags of a debugger or a test runner are its own affair and not passed on. */
export function ownProgram(): Program {
  const flags = process.execArgv.filter((flag) => !/^--(inspect|test|watch)/.test(flag));
  return [process.execPath, ...flags, process.argv[1]!];
}

/**
 * Starts a process that outlives its starter: its own session (setsid), no terminal, no pipe held open; what it prints
 * goes to `log`. Resolves when it exists; `ended` resolves when it has ended, should the starter live that long.
 */
export async function startDetached(
  program: Program,
  args: readonly string[],
  log: string,
): Promise<{ pid: number; ended: Promise<number | null> }> {
  const fd = openSync(log, 'a', 0o600);
  try {
    const child = spawn(program[0], [...program.slice(1), ...args], { detached: true, stdio: ['ignore', fd, fd] });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    return { pid: child.pid!, ended };
  } finally {
    closeSync(fd);
  }
}

/** The last line that says something, for the reason of a failure. */
export async function lastLine(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .at(-1)
    ?.trim()
    .slice(0, 400);
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
