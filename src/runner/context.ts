import type { Progress } from '../base/log.ts';
import type { RunSpec } from '../plan/types.ts';
import type { AttemptWriter } from '../record/append.ts';
import type { RunRequest, Stage } from '../record/types.ts';
import type { Guard } from './guard.ts';

/** Thrown where work is given up at a safe point, because TERM or USR1 came, or a newer attempt exists. */
export class Stopped extends Error {
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(`stopped: ${reason}`);
    this.name = 'Stopped';
    this.reason = reason;
  }
}
export type StopReason = 'terminated' | 'preempted' | 'superseded';

/** What every stage of one attempt works with. */
export interface Context {
  /** The run directory. */
  folder: string;
  attempt: number;
  spec: RunSpec;
  request: RunRequest;
  writer: AttemptWriter;
  /** Holds the run to the inputs that its spec names. */
  guard: Guard;
  /** For caches beside the experiment. */
  cacheFolder: string;
  /** Why the attempt is to stop at the next safe point; undefined while it is not. */
  stopReason(): StopReason | undefined;
}

/** Throws `Stopped` if the attempt is to stop: called where nothing would be lost. */
export function stopHere(context: Pick<Context, 'stopReason'>): void {
  const reason = context.stopReason();
  if (reason !== undefined) throw new Stopped(reason);
}

/** Throws `Stopped` where another attempt took over while this one was held up: called before what it writes is kept. */
export function goOnWriting(context: Pick<Context, 'stopReason'>): void {
  if (context.stopReason() === 'superseded') throw new Stopped('superseded');
}

const progressEvery = 1000;

/**
 * Progress of a stage as events, at most one a second, and the last one. Work whose callback this is also stops here when the
 * attempt is to stop.
 */
export function stageProgress(context: Context, stage: Stage): Progress {
  let last = Number.NEGATIVE_INFINITY;
  return {
    report(label, done, total) {
      stopHere(context);
      const now = performance.now();
      if (now - last < progressEvery && done < total) return;
      last = now;
      context.writer.event({ type: 'progress', stage, label, done, total });
    },
  };
}
