import { resolve as resolvePath } from 'node:path';
import { sentence, toProblem } from '../../base/problem.ts';
import { hasErrors } from '../../experiment/diagnostics.ts';
import { type Parsed, parse } from '../../experiment/parse.ts';
import type { Diagnostic } from '../../experiment/types.ts';
import { diagnose } from '../../plan/diagnose.ts';
import { gather } from '../../plan/gather.ts';
import type { Facts } from '../../plan/types.ts';
import { readText, shown } from '../experiment-argument.ts';
import type { Io, Verb } from '../verb.ts';

/** Diagnostics of an experiment file: the text, and what it refers to as far as that is quickly read. */
export const check: Verb = {
  name: 'check',
  summary: 'what is wrong with an experiment file, as file:line:col code message',
  configure(command) {
    command.argument('<file>', 'experiment file');
  },
  async run(io, [file = '']) {
    const path = resolvePath(io.cwd, file);
    const text = await read(io, path);
    if (text === undefined) return 2;
    const parsed = parse(text, { file: path });
    const diagnostics = diagnose(parsed, await factsOf(parsed));
    const name = shown(io, path);
    if (io.json)
      io.out(
        JSON.stringify(
          diagnostics.map((d) => ({ file: path, ...d })),
          null,
          2,
        ),
      );
    else
      for (const { line, column, code, message, severity } of diagnostics)
        io.out(`${name}:${line}:${column} ${code} ${message}${severity === 'warning' ? ' (warning)' : ''}`);
    io.err(summary(name, diagnostics));
    return hasErrors(diagnostics) ? 1 : 0;
  },
};

/** The text; undefined if it cannot be read, which is said. */
async function read(io: Io, path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    const problem = toProblem(error);
    if (!problem) throw error;
    io.err(`strata: ${sentence(problem)}`);
    return undefined;
  }
}

/** What the files that it names say; nothing is read for a text that is no YAML. */
function factsOf({ tree, draft }: Parsed): Promise<Facts> | undefined {
  return tree.problems.length > 0 ? undefined : gather(draft, { depth: 'files' });
}

function summary(name: string, diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((d) => d.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const counted = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`;
  if (diagnostics.length === 0) return `${name}: nothing is wrong.`;
  return `${name}: ${[...(errors > 0 ? [counted(errors, 'error')] : []), ...(warnings > 0 ? [counted(warnings, 'warning')] : [])].join(', ')}.`;
}
