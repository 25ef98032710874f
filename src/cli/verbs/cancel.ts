import { resolveRun } from '../../record/find.ts';
import { states } from '../../record/state.ts';
import { placeOf } from '../places.ts';
import { reportRun } from '../run-report.ts';
import type { Verb } from '../verb.ts';

export const cancel: Verb = {
  name: 'cancel',
  summary: 'end a run; it writes a checkpoint and can be resumed',
  configure: (command) => void command.argument('<run>', 'path, id or beginning of the id of a run'),
  async run(io, [argument = '']) {
    const run = await resolveRun(argument, io.cwd);
    if (states[run.state].ended) io.err(`${run.id} has ended already.`);
    await reportRun(io, await (await placeOf(io, run)).cancel(run));
    return 0;
  },
};
