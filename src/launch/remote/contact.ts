import { Failure, type Problem, toProblem } from '../../base/problem.ts';
import { type ConnectOptions, finalContact, type Host } from '../host.ts';
import { pause } from '../program.ts';
import { Connection } from './connection.ts';

/** Milliseconds before try `i + 1` (i from 0): doubling up to half a minute, with jitter so that many clients do not come at once. */
export function backOff(i: number, random: () => number = Math.random): number {
  return Math.min(30_000, 250 * 2 ** i) * (0.5 + random() / 2);
}

/** Whether trying again can help: contact was lost or not made, and not for a reason that only a person can mend. */
export function canTryAgain(problem: Problem): boolean {
  return problem.code.startsWith('host-') && !finalContact.has(problem.code);
}

export interface ContactOptions extends ConnectOptions {
  /** Milliseconds after which it is given up. */
  limitMs: number;
  /** Told of each failure that is tried again. */
  onFailure?(problem: Problem, tries: number): void;
}

/**
 * Carries out `work` on a connection, again on a new one where contact is lost: so it must be the same asking each time (a token).
 * Fails with the last problem of contact once the time is over, and at once with every other problem.
 */
export async function withContact<T>(
  host: Host,
  options: ContactOptions,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const end = performance.now() + options.limitMs;
  for (let i = 0; ; i++) {
    let connection: Connection | undefined;
    try {
      connection = await Connection.open(host, options);
      return await work(connection);
    } catch (error) {
      const problem = toProblem(error);
      if (!problem) throw error;
      const wait = backOff(i);
      if (!canTryAgain(problem) || options.signal?.aborted || performance.now() + wait > end)
        throw new Failure(problem);
      options.onFailure?.(problem, i + 1);
      await pause(wait);
    } finally {
      await connection?.close();
    }
  }
}
