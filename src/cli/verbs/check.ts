import { resolve as resolvePath } from 'node:path';
import { sentence, toProblem } from '../../base/problem.ts';
import { hasErrors, sorted } from '../../experiment/diagnostics.ts';
import { type Parsed, parse } from '../../experiment/parse.ts';
import { startsWith } from '../../experiment/tree.ts';
import type { Diagnostic } from '../../experiment/types.ts';
import { validate } from '../../experiment/validate.ts';
import { gather } from '../../plan/gather.ts';
import { isPlannable, resolve } from '../../plan/resolve.ts';
import { locateIn, readText, shown, withProblems } from '../experiment-argument.ts';
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
    const diagnostics = await diagnose(parse(text, { file: path }));
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

/** Everything that is wrong: the text, then the files it names, then what only the resulting models show. */
async function diagnose(parsed: Parsed): Promise<Diagnostic[]> {
  const { tree, draft, experiment, broken } = parsed;
  if (tree.problems.length > 0) return parsed.diagnostics;
  const facts = await gather(draft, { depth: 'files' });
  // What is wrong in the text was said; what it refers to is then unknown, not missing.
  facts.problems = facts.problems.filter(({ path }) => !broken.some((b) => startsWith(path, b)));
  const seen = sorted([...parsed.diagnostics, ...validate(parsed, facts)]);
  if (!experiment || hasErrors(seen) || !isPlannable(facts)) return withProblems(seen, facts, tree);
  return sorted([...seen, ...resolve(experiment, facts, { locate: locateIn(tree) }).diagnostics]);
}

function summary(name: string, diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((d) => d.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const counted = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`;
  if (diagnostics.length === 0) return `${name}: nothing is wrong.`;
  return `${name}: ${[...(errors > 0 ? [counted(errors, 'error')] : []), ...(warnings > 0 ? [counted(warnings, 'warning')] : [])].join(', ')}.`;
}
