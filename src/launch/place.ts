import type { Progress } from '../base/log.ts';
import type { RunSpec } from '../plan/types.ts';
import type { PlaceRecord, Run, RunRequest } from '../record/types.ts';

export { placeName } from '../record/place.ts';

/** As the threads of an order to another machine: all that it has, shared by the runs at once. */
export const allThreads = 0;

/** A run that is wanted at a place: what decides its weights, and what its next attempt is to do. */
export interface Order {
  /** The plan's id; a fresh version gets a number behind it. */
  id: string;
  spec: RunSpec;
  /** Make a new version, whatever is there. */
  fresh: boolean;
  /** With `fresh`: the least number of the version, where some are known that the place does not have. */
  leastVersion?: number;
  /** Id of the order in the same list (or of a run there) that it starts from. */
  parent?: string;
  request: Omit<RunRequest, 'attempt' | 'stages' | 'asked' | 'order' | 'parent'>;
}

/**
 * What became of an order. `started`: a run directory was made. `resumed`: a further attempt of an unfinished run.
 * `evaluating`: a finished run gets the evaluate stage for tasks that are new or changed. `already`: it waits or runs.
 * `finished`: everything is there.
 */
export type Outcome = 'started' | 'resumed' | 'evaluating' | 'already' | 'finished';

export interface Placed {
  /** The order's id. */
  order: string;
  /** The run that answers it: the order's id, or a fresh version's. */
  run: Run;
  outcome: Outcome;
}

export interface OrderOptions {
  /** How many runs may run at once. */
  jobs?: number;
  /** Bytes of what has to be sent. */
  progress?: Progress;
}

/**
 * Where runs live and execute. The run directories that readers see are always local folders: for another host they are
 * mirrors, and `refresh` brings them up to date.
 */
export interface Place {
  readonly record: PlaceRecord;
  /** For people: `this machine`, `ssh:gpu-box`. */
  readonly name: string;
  /** Threads of a run where the place decides it: the cores that its jobs ask for. */
  readonly threads?: number;
  /**
   * Makes each order a run or finds the run that it is already, in this order (parents first). They are started by `wake`, or
   * at once where a host was asked. Fails with `usage-place` where a run lives elsewhere.
   */
  order(orders: readonly Order[], options?: OrderOptions): Promise<Placed[]>;
  /** Makes sure that waiting runs are started, `jobs` at a time if given, and that mirrors are kept up to date. */
  wake(jobs?: number): Promise<void>;
  /** Cancels the newest attempt and returns when it has ended. */
  cancel(run: Run, graceMs?: number): Promise<Run>;
  /** Asks for a further attempt of an ended run, as it was asked for before, and makes sure that it gets started. */
  resume(run: Run): Promise<Outcome>;
  /** Brings a folder of a run here (it is here already where the run is), verified, and returns its path. */
  fetch(run: Run, folder: 'model' | 'start' | 'checkpoint', progress?: Progress): Promise<string>;
  /** Brings the local files of the runs up to date. */
  refresh(): Promise<void>;
}
