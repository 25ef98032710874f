import type { RunStatus } from '../launch/agent/protocol.ts';
import { ownProgram } from '../launch/program.ts';
import { withContact } from '../launch/remote/contact.ts';
import { hostOf } from '../launch/targets.ts';
import { findRuns } from '../record/find.ts';
import { placeName } from '../record/place.ts';
import { states } from '../record/state.ts';
import { textTable } from '../report/text-table.ts';
import { terminalPrompter } from './ask.ts';
import type { Io } from './verb.ts';

/** A run of a host, and the folder of its mirror where it is followed from this machine. */
type Listed = RunStatus & { folder?: string };

/** Lists all runs that a host has, also those that were started from elsewhere. */
export async function printHostRuns(io: Io, written: string): Promise<void> {
  const host = written.replace(/^(ssh|slurm):/, '');
  const ask = terminalPrompter(io);
  const record = { kind: 'ssh' as const, host };
  const machine = await hostOf(record, { program: ownProgram(), ...(ask && { ask }) });
  const contact = { interactive: ask !== undefined, limitMs: 30_000 };
  const { runs, damaged } = await withContact(machine, contact, (connection) => connection.value('list', {}));
  const mirrors = new Map(
    (await findRuns(io.cwd))
      .filter(({ place }) => placeName(place).endsWith(`:${host}`))
      .map((run) => [run.id, run.folder]),
  );
  const listed = runs.map((run): Listed => ({ ...run, ...(mirrors.has(run.id) && { folder: mirrors.get(run.id) }) }));
  for (const folder of damaged) io.err(`${folder} on ${host} cannot be read as a run.`);
  if (io.json) io.out(JSON.stringify({ host, runs: listed }, null, 2));
  else if (listed.length === 0) io.err(`There are no runs on ${host}.`);
  else for (const line of table(io, listed)) io.out(line);
}

function table(io: Io, runs: readonly Listed[]): string[] {
  const column = (name: string, cell: (run: Listed) => string) => ({
    header: [name],
    align: 'left' as const,
    cells: runs.map(cell),
  });
  return textTable(
    [
      column('run', ({ id }) => id),
      column('state', ({ state }) => states[state].word),
      column('progress', ({ step, steps }) => (step !== undefined && steps ? `${step}/${steps} steps` : '')),
      column('followed here', ({ folder }) => (folder === undefined ? 'no' : 'yes')),
    ],
    io.columns,
  );
}
