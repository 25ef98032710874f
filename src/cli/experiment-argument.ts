import { readFile } from 'node:fs/promises';
import { relative, resolve as resolvePath } from 'node:path';
import { fail, toProblem } from '../base/problem.ts';
import { hasErrors, sorted } from '../experiment/diagnostics.ts';
import { parse } from '../experiment/parse.ts';
import type { DeviceChoice, Diagnostic, Experiment } from '../experiment/types.ts';
import { validate } from '../experiment/validate.ts';
import { knownProblems, locateIn, withProblems } from '../plan/diagnose.ts';
import type { MeasureSpeed } from '../plan/facts/machine.ts';
import { gather } from '../plan/gather.ts';
import { isPlannable, resolve } from '../plan/resolve.ts';
import type { Depth, Facts, Plan } from '../plan/types.ts';
import { probeDevice } from './device-probe.ts';
import { createProgress } from './progress.ts';
import type { Io } from './verb.ts';

export interface LoadOptions {
  /** `files` for what only looks at the experiment, `all` for what spends time on it. */
  depth: Depth;
  arms?: readonly string[];
  seeds?: readonly number[];
  device?: DeviceChoice;
  threads?: number;
  /** Warnings were printed before. */
  quiet?: boolean;
  /** Measures this machine for an estimate of time, where it is not known yet. */
  measure?: MeasureSpeed;
}

/** An experiment file read, checked against what it refers to, and planned. */
export interface LoadedExperiment {
  experiment: Experiment;
  facts: Facts;
  plan: Plan;
  /** Warnings only: errors do not come here. */
  diagnostics: Diagnostic[];
}

/**
 * Reads the experiment file that an argument FILE names. Diagnostics are printed on stderr as `file:line:col code message`;
 * with an error among them it fails with `invalid-experiment` (exit code 2).
 */
export async function loadExperiment(io: Io, file: string, options: LoadOptions): Promise<LoadedExperiment> {
  const path = resolvePath(io.cwd, file);
  const parsed = parse(await readText(path), { file: path });
  const seen = [...parsed.diagnostics];
  const progress = createProgress(io, {});
  try {
    const files = await gather(parsed.draft, { depth: options.depth === 'headers' ? 'headers' : 'files' });
    files.problems = knownProblems(parsed, files);
    seen.push(...validate(parsed, files));
    if (parsed.experiment === undefined || hasErrors(seen) || files.problems.some((p) => p.severity === 'error'))
      return refuse(io, path, withProblems(seen, files.problems, parsed.tree));
    const { experiment } = parsed;
    const facts =
      options.depth === 'all'
        ? await gather(experiment, { ...options, probe: probeDevice, depth: 'all', progress })
        : files;
    progress.close();
    if (!isPlannable(facts)) return refuse(io, path, withProblems(seen, facts.problems, parsed.tree));
    const plan = resolve(experiment, facts, { ...options, locate: locateIn(parsed.tree) });
    const diagnostics = sorted([...seen, ...plan.diagnostics]);
    if (hasErrors(diagnostics)) return refuse(io, path, diagnostics);
    if (!options.quiet) print(io, path, diagnostics);
    return { experiment, facts, plan, diagnostics };
  } finally {
    progress.close();
  }
}

/** The text of an experiment file; `file-missing` and the like as a problem of the argument. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return fail(problem.code, problem.message, {
      place: path,
      remedy: 'Name an experiment file; strata init MODEL writes one.',
    });
  }
}

function refuse(io: Io, path: string, diagnostics: Diagnostic[]): never {
  print(io, path, diagnostics);
  const errors = diagnostics.filter((d) => d.severity === 'error').length;
  return fail('invalid-experiment', `${shown(io, path)} has ${errors === 1 ? 'an error' : `${errors} errors`}.`);
}

export function print(io: Io, path: string, diagnostics: readonly Diagnostic[]): void {
  for (const { line, column, severity, code, message } of diagnostics)
    io.err(`${shown(io, path)}:${line}:${column} ${code} ${message}${severity === 'warning' ? ' (warning)' : ''}`);
}

/** As it is shortest from here. */
export function shown(io: Io, path: string): string {
  const near = relative(io.cwd, path);
  return near.startsWith('..') ? path : near;
}
