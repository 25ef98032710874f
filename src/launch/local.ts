import { join } from 'node:path';
import { exists } from '../base/files.ts';
import { attempt, fail } from '../base/problem.ts';
import { runsOf } from '../record/find.ts';
import { type Home, layout } from '../record/layout.ts';
import { cancelRun } from './cancel.ts';
import { wakeDispatcher } from './dispatcher.ts';
import { placeOrders, resumeRun } from './order.ts';
import type { Place } from './place.ts';
import type { Placement } from './placement.ts';
import type { Program } from './program.ts';

/** Runs are started by the dispatcher of the folder, as processes of this machine. */
export function directPlacement(program: Program): Placement {
  return {
    kind: 'local',
    async wake(home, jobs) {
      const { runs } = await runsOf(home.folder);
      if (runs.some(({ state, place }) => state === 'waiting' && place.kind === 'local')) {
        await wakeDispatcher(home, program, jobs);
      }
    },
    cancel: (run, graceMs) => cancelRun(run.folder, graceMs),
  };
}

/** A place whose run directories are those of `home` themselves: this machine, or the Slurm that can be reached from it. */
export function ownPlace(home: Home, placement: Placement): Place {
  const record = { kind: placement.kind };
  return {
    record,
    name: placement.kind === 'local' ? 'this machine' : placement.kind,
    order: (orders) => placeOrders(home, record, orders, placement.asking),
    wake: (jobs) => placement.wake(home, jobs),
    cancel: (run, graceMs) => placement.cancel(run, graceMs),
    async resume(run) {
      const outcome = await resumeRun(run, placement.asking);
      await placement.wake(home);
      return outcome;
    },
    async fetch(run, folder) {
      const path = join(run.folder, layout[folder]);
      if (await exists(path)) return path;
      return fail('file-missing', `${run.id} has no ${folder}.`, {
        place: path,
        remedy: 'It appears when the run has come so far.',
      });
    },
    async refresh() {
      // A scheduler that does not answer now says later what became of the runs.
      await attempt(async () => placement.look?.(home));
    },
  };
}

/** This machine, with the run directories of one experiment folder. */
export function localPlace(home: Home, program: Program): Place {
  return ownPlace(home, directPlacement(program));
}
