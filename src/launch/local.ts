import { runsOf } from '../record/find.ts';
import type { Home } from '../record/layout.ts';
import { cancelRun } from './cancel.ts';
import { wakeDispatcher } from './dispatcher.ts';
import { placeOrders } from './order.ts';
import type { Place } from './place.ts';
import type { Program } from './program.ts';

/** This machine, with the run directories of one experiment folder. */
export function localPlace(home: Home, program: Program): Place {
  const record = { kind: 'local' } as const;
  return {
    record,
    name: 'this machine',
    order: (orders) => placeOrders(home, record, orders),
    async wake(jobs) {
      const { runs } = await runsOf(home.folder);
      if (runs.some(({ state }) => state === 'waiting')) await wakeDispatcher(home, program, jobs);
    },
    cancel: (run, graceMs) => cancelRun(run.folder, graceMs),
    async refresh() {},
  };
}
