import type { Home } from '../record/layout.ts';
import type { Run, RunRequest } from '../record/types.ts';

/**
 * How waiting runs of a machine get started: by its dispatcher (`direct.ts`), or by the Slurm whose login node it is
 * (`slurm/`). It runs where the run directories are: in the agent of a host, or in the command line for this machine.
 */
export interface Placement {
  /** `kind` of the runs in that `home` that it is responsible for. */
  readonly kind: 'local' | 'slurm';
  /** What requests of its runs say of it, so that a later attempt asks for the same. */
  readonly asking?: Pick<RunRequest, 'slurm'>;
  /**
   * Makes sure that waiting runs get started, each exactly once; `jobs` at a time if given. To be called again is no harm.
   * Slurm: finds or submits the held array of the runs that wait, records its id, releases it.
   */
  wake(home: Home, jobs?: number): Promise<void>;
  /** Ends the newest attempt, also one that has not started, and returns when it has ended. Fails with `cancel-timeout`. */
  cancel(run: Run, graceMs?: number): Promise<Run>;
  /**
   * Records what only a scheduler can tell of runs that have not ended (its time was over, its node failed), in one call for all.
   * To be called often: it decides how often it really looks. Fails where the scheduler does not answer.
   */
  look?(home: Home): Promise<void>;
}
