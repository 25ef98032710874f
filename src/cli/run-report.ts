import { states } from '../record/state.ts';
import type { Run } from '../record/types.ts';
import type { Io } from './verb.ts';

/** What is said of a run once it has ended, for people or as JSON; the exit code that goes with it. */
export function reportRun(io: Io, run: Run): number {
  const { id, folder, state, reason, attempts, scores, request } = run;
  if (io.json) {
    const { arm, seed } = request;
    io.out(JSON.stringify({ id, folder, arm, seed, state, reason, attempts, scores }, null, 2));
  } else {
    io.out(`${id}: ${states[state].word}${reason === undefined ? '' : `. ${reason}`}`);
    for (const [task, metrics] of Object.entries(scores ?? {})) {
      const shown = Object.entries(metrics).map(([metric, { value }]) => `${metric} ${Number(value.toPrecision(5))}`);
      io.out(`  ${task}: ${shown.join(', ')}`);
    }
  }
  return states[state].ended && state !== 'succeeded' ? 1 : 0;
}
