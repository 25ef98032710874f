import { type Problem, sentence, toProblem } from '../base/problem.ts';

/** Exit codes of a worker, as its supervisor reads them, and of a supervisor, as the dispatcher reads them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  /** No space is left: the code is the one thing that can still be said (sysexits' EX_IOERR). */
  diskFull: 74,
  /** SIGUSR1: a checkpoint was written before a time limit (sysexits' EX_TEMPFAIL). */
  preempted: 75,
  /** A newer attempt of the same run exists; this one stopped without writing. */
  superseded: 86,
  /** SIGTERM: a checkpoint was written (128 + 15, as a shell reports it). */
  terminated: 143,
} as const;

/** How a process ends that could not do its work. */
export function exitCodeOf(problem: Problem | undefined): number {
  return problem?.code === 'disk-full' ? exitCodes.diskFull : exitCodes.failed;
}

/** What a full disk is as a reason, where no record of the process itself could be written. */
export const diskFullReason = sentence(toProblem({ code: 'ENOSPC' })!);
