import { resolveRun } from '../../record/find.ts';
import { readRun } from '../../record/read.ts';
import { placeOf } from '../places.ts';
import type { Verb } from '../verb.ts';

const words = {
  started: 'starts',
  resumed: 'goes on from its last checkpoint',
  evaluating: 'goes on with its evaluation',
  already: 'waits or runs already',
  finished: 'is finished; nothing is missing',
} as const;

export const resume: Verb = {
  name: 'resume',
  summary: 'go on with a run that was canceled, failed or lost',
  configure: (command) => void command.argument('<run>', 'path, id or beginning of the id of a run'),
  async run(io, [argument = '']) {
    const run = await resolveRun(argument, io.cwd);
    const outcome = await (await placeOf(io, run)).resume(run);
    const { state, attempts } = await readRun(run.folder);
    if (io.json) io.out(JSON.stringify({ id: run.id, folder: run.folder, outcome, state, attempts }, null, 2));
    else io.out(`${run.id} ${words[outcome]}. strata attach ${run.id} follows it.`);
    return 0;
  },
};
