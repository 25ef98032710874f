import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from '../../experiment/parse.ts';
import { type HostSource, type ListedHost, listHosts } from '../../launch/hosts.ts';
import { settingsFile } from '../../launch/settings.ts';
import type { PlaceRecord } from '../../record/types.ts';
import { textTable } from '../../report/text-table.ts';
import { readText } from '../experiment-argument.ts';
import { recordOf } from '../places.ts';
import type { Io, Verb } from '../verb.ts';

export const hosts: Verb = {
  name: 'hosts',
  summary: 'hosts that runs can go to: of the experiments here, the settings, the ssh configuration',
  configure() {},
  async run(io) {
    const listed = await listHosts(await targetsIn(io.cwd));
    if (io.json) {
      const shown = listed.map((host) => ({ ...host, target: `ssh:${host.name}` }));
      io.out(JSON.stringify({ hosts: shown, settings: settingsFile() }, null, 2));
    } else print(io, listed);
    return 0;
  },
};

/** What the experiment files of a folder name as their target; what cannot be read names none. */
async function targetsIn(folder: string): Promise<PlaceRecord[]> {
  const names = (await readdir(folder)).filter((name) => /\.strata\.ya?ml$/.test(name));
  const targets: PlaceRecord[] = [];
  for (const name of names) {
    const file = join(folder, name);
    const { draft } = parse(await readText(file), { file });
    targets.push(recordOf(draft.target));
  }
  return targets;
}

const sourceWords: Record<HostSource, string> = {
  experiment: 'experiment here',
  settings: 'settings',
  ssh: 'ssh configuration',
};

function print(io: Io, listed: readonly ListedHost[]): void {
  if (listed.length === 0) {
    io.err(`There are no hosts. Name them in the ssh configuration (~/.ssh/config), or in ${settingsFile()}.`);
    return;
  }
  const column = (name: string, cell: (host: ListedHost) => string) => ({
    header: [name],
    align: 'left' as const,
    cells: listed.map(cell),
  });
  const table = textTable(
    [
      column('host', ({ name }) => name),
      column('address', ({ address = '' }) => address),
      column('by way of', ({ jump = '' }) => jump),
      column('from', ({ sources }) => sources.map((source) => sourceWords[source]).join(', ')),
      column('last used', ({ used }) => (used === undefined ? '' : new Date(used).toLocaleString())),
    ],
    io.columns,
  );
  for (const line of table) io.out(line);
  io.err('strata probe HOST looks at one; strata run FILE --on ssh:HOST runs there.');
}
