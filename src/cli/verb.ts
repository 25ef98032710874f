import type { Command } from 'commander';

/** What a verb may touch of the process. */
export interface Io {
  cwd: string;
  /** Results. */
  out(text: string): void;
  /** Progress, warnings, problems. */
  err(text: string): void;
  /** Results as JSON were asked for. */
  json: boolean;
  /** stderr is a terminal. */
  terminal: boolean;
  /** Width of the terminal, 80 when unknown. */
  columns: number;
  /** Whether colours may be used on stdout. */
  colour: boolean;
}

/** One verb of the command line: a row of the table in `verbs.ts`. */
export interface Verb {
  name: string;
  /** One line for `strata --help`. */
  summary: string;
  /** Hidden verbs are the program's own processes. */
  hidden?: boolean;
  /** Declares arguments and options (not --json and --help, which every verb has). */
  configure(command: Command): void;
  /** Exit code: 0 done, 1 the work or a check failed, 2 wrong use or invalid file, 130 interrupted. Failures may be thrown. */
  run(io: Io, args: string[], options: Record<string, unknown>): Promise<number>;
}
