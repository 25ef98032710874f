/** Exit codes of a worker, as its supervisor reads them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  /** SIGUSR1: a checkpoint was written before a time limit (sysexits' EX_TEMPFAIL). */
  preempted: 75,
  /** A newer attempt of the same run exists; this one stopped without writing. */
  superseded: 86,
  /** SIGTERM: a checkpoint was written (128 + 15, as a shell reports it). */
  terminated: 143,
} as const;
