import { resolveRun } from '../../record/find.ts';
import { states } from '../../record/state.ts';
import { follow } from '../follow.ts';
import { placeOf } from '../places.ts';
import { reportRun } from '../run-report.ts';
import type { Verb } from '../verb.ts';

export const attach: Verb = {
  name: 'attach',
  summary: 'follow a run until it ends; Ctrl-C detaches',
  configure: (command) => void command.argument('<run>', 'path, id or beginning of the id of a run'),
  async run(io, [argument = '']) {
    const found = await resolveRun(argument, io.cwd);
    const place = await placeOf(io, found);
    await place.wake();
    const controller = new AbortController();
    const detach = () => controller.abort();
    process.once('SIGINT', detach);
    process.once('SIGTERM', detach);
    try {
      const [run] = await follow(io, place, [found.folder], controller.signal);
      if (states[run!.state].ended) return reportRun(io, run!);
      io.err(`Detached: ${run!.id} goes on. strata cancel ${run!.id} ends it.`);
      return 130;
    } finally {
      process.off('SIGINT', detach);
      process.off('SIGTERM', detach);
    }
  },
};
