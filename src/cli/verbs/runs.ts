import { dirname, relative } from 'node:path';
import { ownProgram } from '../../launch/program.ts';
import { wakeMirrors } from '../../launch/remote/mirror.ts';
import { findHomes, runsOf } from '../../record/find.ts';
import { home } from '../../record/layout.ts';
import { readProgress, stepsLabel } from '../../record/read.ts';
import { states } from '../../record/state.ts';
import type { Run } from '../../record/types.ts';
import { textTable } from '../../report/text-table.ts';
import { printHostRuns } from '../host-runs.ts';
import type { Io, Verb } from '../verb.ts';

export const runs: Verb = {
  name: 'runs',
  summary: 'runs that can be seen from here, with their state and progress',
  configure(command) {
    command
      .option('--all', 'also those in other folders where run was used')
      .option('--host <host>', 'all runs that this machine has, asked there');
  },
  async run(io, _args, options) {
    if (options['host'] !== undefined) {
      await printHostRuns(io, String(options['host']));
      return 0;
    }
    const homes = await findHomes(io.cwd);
    // What lies upwards from here is what is worked on; the rest only when asked for, or when there is nothing here.
    const near = homes.filter((folder) => !relative(dirname(folder), io.cwd).startsWith('..'));
    const shown = options['all'] === true || near.length === 0 ? homes : near;
    // What other machines write is brought by processes of their own, which may have ended with the machine.
    for (const folder of shown) await wakeMirrors(home(folder), ownProgram());
    const rows: Row[] = [];
    for (const folder of shown) {
      const found = await runsOf(folder);
      for (const damaged of found.damaged) io.err(`${damaged} cannot be read as a run.`);
      for (const run of found.runs) rows.push(await describe(run));
    }
    if (io.json) io.out(JSON.stringify({ runs: rows.map(json) }, null, 2));
    else print(io, rows);
    return 0;
  },
};

interface Row {
  run: Run;
  progress: string;
  share?: number;
}

async function describe(run: Run): Promise<Row> {
  const { state } = run;
  if (state === 'waiting' || state === 'skipped') return { run, progress: '' };
  const { current, step, steps } = await readProgress(run);
  const trained = step && steps > 0 ? `${step.step}/${steps} steps` : '';
  if (!states[state].active) return { run, progress: trained, ...(step && steps && { share: step.step / steps }) };
  if (current?.type === 'progress' && current.label !== stepsLabel) {
    return { run, progress: `${current.label} ${current.done}/${current.total}`, share: current.done / current.total };
  }
  const speed = step ? `, ${Math.round(step.tokens_per_second).toLocaleString('en-US')} tokens/s` : '';
  return { run, progress: `${trained}${speed}`, ...(step && steps && { share: step.step / steps }) };
}

function json({ run, progress, share }: Row): object {
  const { id, folder, state, reason, attempts, place, request } = run;
  const { experiment, arm, seed, asked } = request;
  return { id, folder, experiment: experiment.file, arm, seed, state, reason, attempts, place, asked, progress, share };
}

function print(io: Io, rows: readonly Row[]): void {
  if (rows.length === 0) {
    io.err('There are no runs here. strata run FILE starts those of an experiment.');
    return;
  }
  const byExperiment = groupBy(rows, experimentOf);
  for (const [experiment, group] of byExperiment) {
    io.out(relative(io.cwd, experiment) || experiment);
    const column = (name: string, cells: string[]) => ({ header: [name], align: 'left' as const, cells });
    const table = textTable(
      [
        column(
          'run',
          group.map(({ run }) => run.id),
        ),
        column(
          'state',
          group.map(({ run }) => states[run.state].word),
        ),
        column(
          'progress',
          group.map(({ progress }) => progress),
        ),
      ],
      io.columns,
    );
    for (const line of table) io.out(line);
    for (const { run } of group) {
      if (run.reason !== undefined && run.state !== 'canceled') io.out(`${run.id}: ${run.reason}`);
    }
    io.out('');
  }
}

const experimentOf = ({ run }: Row) => run.request.experiment.file;

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
