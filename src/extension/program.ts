import { spawn } from 'node:child_process';
import type { Logger } from '../base/log.ts';

/** The command line as the editor starts it. */
export interface Program {
  command: string;
  /** What goes before the verb. */
  args: string[];
  env: Record<string, string>;
}

/** The editor's own Node (Electron acts as Node when told so), or the one that the user names. */
export function programOf(script: string, nodePath: string, editor: string = process.execPath): Program {
  if (nodePath !== '') return { command: nodePath, args: [script], env: {} };
  return { command: editor, args: [script], env: { ELECTRON_RUN_AS_NODE: '1' } };
}

export interface Finished {
  /** Exit code; null when it was ended by a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs one verb to its end. No input, so that nothing can wait for an answer; what it says on stderr also goes to the log.
 * A program that cannot be started is exit code 127 with the reason on stderr.
 */
export function runVerb(
  program: Program,
  verb: readonly string[],
  options: { cwd: string; log: Logger; signal?: AbortSignal },
): Promise<Finished> {
  const { cwd, log, signal } = options;
  log.info(`strata ${verb.join(' ')}`);
  return new Promise((resolve) => {
    const child = spawn(program.command, [...program.args, ...verb], {
      cwd,
      env: { ...process.env, ...program.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      ...(signal && { signal }),
    });
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        said[stream] += text;
      });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const stopped = error.name === 'AbortError';
      resolve({ code: stopped ? 130 : 127, ...said, stderr: stopped ? said.stderr : `${said.stderr}${error.message}` });
    });
    child.on('close', (code) => {
      if (said.stderr.trim() !== '') (code === 0 ? log.info : log.warn).call(log, said.stderr.trim());
      resolve({ code, ...said });
    });
  });
}

/** The sentence that a failed verb ended with: its last line without the program's name. */
export function failure({ code, stderr }: Finished): string {
  const last = stderr
    .trim()
    .split('\n')
    .at(-1)
    ?.replace(/^strata: /, '');
  return last || `strata ended with code ${code ?? 'none'}.`;
}
