import type { Problem } from '../base/problem.ts';
import { sentence } from '../base/problem.ts';
import type { Liveness, ProcessIdentity } from './platform.ts';
import type { RunState } from './types.ts';

/** `claim.N`: the one process that may start attempt N's worker. Its death proves that nobody else will. */
export interface Claim {
  /** Marks the worker's descendants (`STRATA_COOKIE`). */
  cookie: string;
  supervisor: ProcessIdentity;
  time: number;
}
/** `proc.N.json`: the worker; it leads its own process group. */
export interface WorkerRecord {
  worker: ProcessIdentity;
  time: number;
}
/** `cancel.N.json`: a wish, per attempt, so that it does not reach a later one. */
export interface CancelRecord {
  grace_ms: number;
  time: number;
}
/** `result.N.json`: the worker's own verdict. `checkpointed`: it was asked to stop and can be resumed. */
export interface ResultRecord {
  state: 'succeeded' | 'failed' | 'checkpointed';
  problem?: Problem;
  time: number;
}
export type Outcome = 'succeeded' | 'failed' | 'canceled' | 'skipped' | 'preempted';
/** `exit.N.json`: how the attempt ended; at most one. */
export interface ExitRecord {
  outcome: Outcome;
  reason?: string;
  code?: number | null;
  signal?: string | null;
  /** Who established the end. */
  by: 'supervisor' | 'cancel' | 'dispatcher' | 'scheduler';
  time: number;
}

/** What can be known of the newest attempt at one moment. */
export interface AttemptFacts {
  exit?: ExitRecord;
  result?: ResultRecord;
  cancelAsked: boolean;
  claimed: boolean;
  /** proc.N.json is there: a worker was started. */
  started: boolean;
  supervisor: Liveness;
  /** The worker, or a process that carries the attempt's cookie. */
  worker: Liveness;
  /** The claim is of this boot of the machine. */
  sameBoot: boolean;
  /** Milliseconds since the last heartbeat; undefined if there was none. */
  heartbeatAge?: number;
  /** A scheduler is responsible for it: what became of processes that do not answer is for it to say. */
  scheduled?: boolean;
  /** Host of the claim, for sentences. */
  host?: string;
}

/** A supervisor beats every 2 s; one on another host that missed this many milliseconds counts as gone. */
export const heartbeatLimit = 60_000;
export const heartbeatEvery = 2_000;

interface Row {
  when: (f: AttemptFacts) => boolean;
  state: RunState | ((f: AttemptFacts) => RunState);
  reason?: (f: AttemptFacts) => string | undefined;
}

const fromResult = { succeeded: 'succeeded', failed: 'failed', checkpointed: 'preempted' } as const;

/** The first row that holds decides. State is never stored: these rows are all there is (design §5). */
const rows: Row[] = [
  { when: (f) => f.exit !== undefined, state: (f) => f.exit!.outcome, reason: (f) => f.exit!.reason },
  {
    when: (f) => !f.claimed && f.cancelAsked,
    state: 'canceled',
    reason: () => 'It was canceled before it was started.',
  },
  { when: (f) => !f.claimed, state: 'waiting' },
  { when: (f) => f.supervisor === 'alive' && f.cancelAsked, state: 'canceling' },
  { when: (f) => f.supervisor === 'alive', state: (f) => (f.started ? 'running' : 'starting') },
  {
    when: (f) => f.supervisor === 'unknown' && (f.heartbeatAge ?? Number.POSITIVE_INFINITY) < heartbeatLimit,
    state: (f) => (f.cancelAsked ? 'canceling' : f.started ? 'running' : 'starting'),
  },
  {
    when: (f) => f.supervisor === 'dead' && f.worker === 'alive',
    state: 'orphaned',
    reason: () => 'Its supervisor was killed; the worker goes on.',
  },
  {
    when: (f) =>
      f.scheduled === true && !f.cancelAsked && (f.result === undefined || f.result.state === 'checkpointed'),
    state: 'unreachable',
    reason: () => 'Its job does not answer; Slurm will say what became of it.',
  },
  {
    when: (f) => f.result !== undefined,
    state: (f) => fromResult[f.result!.state],
    reason: (f) => (f.result!.problem ? sentence(f.result!.problem) : undefined),
  },
  { when: (f) => f.cancelAsked, state: 'canceled', reason: () => 'It was canceled.' },
  {
    when: (f) => f.supervisor === 'unknown',
    state: 'lost',
    reason: (f) => `Nothing was heard of it on ${f.host ?? 'its host'} for over ${heartbeatLimit / 1000} s.`,
  },
  { when: (f) => !f.sameBoot, state: 'lost', reason: () => 'The machine was restarted.' },
  { when: (f) => !f.started, state: 'lost', reason: () => 'Its start was interrupted before any work.' },
  { when: () => true, state: 'lost', reason: () => 'Its processes were killed.' },
];

/** The state of an attempt and, where there is one, the reason as a sentence. */
export function deriveState(facts: AttemptFacts): { state: RunState; reason?: string } {
  const row = rows.find(({ when }) => when(facts))!;
  const reason = row.reason?.(facts);
  return {
    state: typeof row.state === 'function' ? row.state(facts) : row.state,
    ...(reason !== undefined && { reason }),
  };
}

/** What each state means for those who act on it. */
export const states: Record<
  RunState,
  {
    /** Nothing will happen any more unless somebody asks. */
    ended: boolean;
    /** Takes one of the places of `--jobs`. */
    active: boolean;
    /** What is shown. */
    word: string;
  }
> = {
  waiting: { ended: false, active: false, word: 'waiting' },
  starting: { ended: false, active: true, word: 'starting' },
  running: { ended: false, active: true, word: 'running' },
  canceling: { ended: false, active: true, word: 'canceling' },
  orphaned: { ended: false, active: true, word: 'running without supervisor' },
  succeeded: { ended: true, active: false, word: 'done' },
  failed: { ended: true, active: false, word: 'failed' },
  canceled: { ended: true, active: false, word: 'canceled' },
  skipped: { ended: true, active: false, word: 'skipped' },
  lost: { ended: true, active: false, word: 'lost' },
  preempted: { ended: true, active: false, word: 'stopped' },
  unreachable: { ended: false, active: false, word: 'unreachable' },
};
