import { Command, CommanderError } from 'commander';
import { sentence, toProblem } from '../base/problem.ts';
import { version } from '../base/version.ts';
import type { Io, Verb } from './verb.ts';
import { verbs } from './verbs.ts';

/** Codes of problems that mean wrong use or an invalid file (exit code 2); all others mean that the work failed (1). */
const usageCodes = /^(usage|invalid|unknown|file-missing|not-available|tokenizer-)/;

function io(json: boolean): Io {
  return {
    cwd: process.cwd(),
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    json,
    terminal: process.stderr.isTTY === true,
    columns: process.stdout.columns ?? process.stderr.columns ?? 80,
    colour: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
  };
}

function add(program: Command, verb: Verb, done: (code: number) => void): void {
  const command = program.command(verb.name, { hidden: verb.hidden === true }).description(verb.summary);
  verb.configure(command);
  command.option('--json', 'print the result as JSON');
  command.action(async () => {
    const options = command.opts();
    done(
      await verb.run(
        io(options['json'] === true),
        command.processedArgs.flat().filter((a) => a !== undefined),
        options,
      ),
    );
  });
}

async function main(argv: string[]): Promise<number> {
  let code = 0;
  const program = new Command('strata')
    .description('Layer-wise knowledge injection into language models')
    .version(version)
    .showHelpAfterError('(see strata --help)')
    .exitOverride()
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? 80, 100) });
  for (const verb of verbs)
    add(program, verb, (c) => {
      code = c;
    });
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const problem = toProblem(error);
    if (!problem) throw error;
    process.stderr.write(`strata: ${sentence(problem)}\n`);
    return usageCodes.test(problem.code) ? 2 : 1;
  }
}

// A pipe that was closed by its reader (strata runs | head) is no defect.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(
      `strata: defect: ${error instanceof Error ? (process.env['STRATA_DEBUG'] ? error.stack : error.message) : String(error)}\n`,
    );
    process.stderr.write('This is a bug in Strata. Run again with STRATA_DEBUG=1 and report what it prints.\n');
    process.exitCode = 1;
  },
);
