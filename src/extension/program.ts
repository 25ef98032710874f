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
 * A program that cannot be started is exit code 127 with the reason on stderr; one that is stopped by the signal, 130.
 */
export async function runVerb(
  { command, args, env }: Program,
  verb: readonly string[],
  { cwd, log, signal }: { cwd: string; log: Logger; signal?: AbortSignal },
): Promise<Finished> {
  log.info(`strata ${verb.join(' ')}`);
  const { execa } = await import('./spawn.ts');
  const ended = await execa(command, [...args, ...verb], {
    cwd,
    env: { ...env, NO_COLOR: '1' },
    stdin: 'ignore',
    stripFinalNewline: false,
    windowsHide: true,
    reject: false,
    ...(signal && { cancelSignal: signal }),
  });
  const { stdout, stderr, exitCode, isCanceled, originalMessage } = ended;
  if (stderr.trim() !== '') (exitCode === 0 ? log.info : log.warn).call(log, stderr.trim());
  if (isCanceled) return { code: 130, stdout, stderr };
  const started = exitCode !== undefined || ended.signal !== undefined;
  return started
    ? { code: exitCode ?? null, stdout, stderr }
    : { code: 127, stdout, stderr: `${stderr}${originalMessage ?? ''}` };
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
