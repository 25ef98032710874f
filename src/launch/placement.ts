import type { Home } from '../record/layout.ts';
import type { Run } from '../record/types.ts';

/**
 * How waiting runs of a machine get started: by its dispatcher (`direct.ts`), or by the Slurm whose login node it is
 * (`slurm/`). It runs where the run directories are: in the agent of a host, or in the command line for this machine.
 */
export interface Placement {
  /** `kind` of the runs in that `home` that it is responsible for. */
  readonly kind: 'local' | 'slurm';
  /**
   * Makes sure that waiting runs get started, each exactly once; `jobs` at a time if given. To be called again is no harm.
   * Slurm: finds or submits the held array of the runs that wait, records its id, releases it.
   */
  wake(home: Home, jobs?: number): Promise<void>;
  /** Ends the newest attempt, also one that has not started, and returns when it has ended. Fails with `cancel-timeout`. */
  cancel(run: Run, graceMs?: number): Promise<Run>;
  /**
   * What only a scheduler can tell of runs that have not ended, by run id (why it waits; that its node failed); it may write
   * what it learnt for good (`slurm.N.json`, an exit record). Called now and then, with all of them at once.
   */
  look?(home: Home, runs: readonly Run[]): Promise<Map<string, { reason?: string }>>;
}
