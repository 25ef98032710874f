import { createInterface } from 'node:readline/promises';
import { fail } from '../../base/problem.ts';
import { allRuns } from '../../plan/analysis.ts';
import { removeRun } from '../../record/create.ts';
import { resolveRun, runsOf, versionsOf } from '../../record/find.ts';
import { homeOf, homeOfRun } from '../../record/layout.ts';
import { isElsewhere } from '../../record/place.ts';
import { states } from '../../record/state.ts';
import type { Run } from '../../record/types.ts';
import { loadExperiment } from '../experiment-argument.ts';
import type { Io, Verb } from '../verb.ts';

export const rm: Verb = {
  name: 'rm',
  summary: 'remove runs with all their files; asks first',
  configure(command) {
    command
      .argument('[runs...]', 'paths, ids or beginnings of ids')
      .option('--stale <file>', 'the runs that this experiment file no longer resolves to')
      .option('--yes', 'do not ask');
  },
  async run(io, args, options) {
    const stale = options['stale'];
    if ((stale === undefined) === (args.length === 0)) {
      fail('usage-rm', 'rm takes runs, or --stale FILE.', { remedy: 'strata runs lists the runs.' });
    }
    const chosen =
      stale === undefined
        ? await Promise.all(args.map((argument) => resolveRun(argument, io.cwd)))
        : await staleRuns(io, String(stale));
    const runs = [...new Map(chosen.map((run) => [run.folder, run])).values()];
    const active = runs.find(({ state }) => states[state].active);
    if (active) {
      fail('run-active', `${active.id} is ${states[active.state].word}.`, {
        remedy: `End it first: strata cancel ${active.id}.`,
      });
    }
    if (runs.length > 0 && options['yes'] !== true && !(await agreed(io, runs))) return 1;
    for (const run of runs) {
      await removeRun(homeOfRun(run.folder), run.folder);
      if (!io.json)
        io.out(`${run.id}: removed${isElsewhere(run.place) ? ` here; ${run.place.host} still has it` : ''}`);
    }
    if (io.json) io.out(JSON.stringify({ removed: runs.map(({ id }) => id) }, null, 2));
    else if (runs.length === 0) io.err('There is nothing to remove.');
    return 0;
  },
};

/** Runs of an experiment file that it does not resolve to as it stands. */
async function staleRuns(io: Io, file: string): Promise<Run[]> {
  const { plan } = await loadExperiment(io, file, { depth: 'all' });
  const { folder } = homeOf(plan.experiment.file);
  const current = new Set<string>();
  for (const { id } of allRuns(plan)) for (const version of await versionsOf(folder, id)) current.add(version);
  const { runs } = await runsOf(folder);
  return runs.filter((run) => run.request.experiment.stem === plan.experiment.stem && !current.has(run.folder));
}

async function agreed(io: Io, runs: readonly Run[]): Promise<boolean> {
  if (process.stdin.isTTY !== true) {
    fail('usage-rm', 'rm asks before it removes, and there is nobody to ask.', { remedy: 'Add --yes.' });
  }
  for (const run of runs) io.err(`${run.id}  ${states[run.state].word}`);
  const question = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const what = runs.length === 1 ? 'this run' : `these ${runs.length} runs`;
    return /^y(es)?$/i.test((await question.question(`Remove ${what} with all files? [y/N] `)).trim());
  } finally {
    question.close();
  }
}
