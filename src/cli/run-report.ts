import { readImportance } from '../record/importance.ts';
import { states } from '../record/state.ts';
import type { Run } from '../record/types.ts';
import { importanceText } from '../report/importance-text.ts';
import type { Io } from './verb.ts';

/** What is said of a run once it has ended, for people or as JSON; the exit code that goes with it. */
export async function reportRun(io: Io, run: Run): Promise<number> {
  const { id, folder, state, reason, attempts, scores, request } = run;
  const importance = run.spec.analysis && (await readImportance(folder));
  if (io.json) {
    const { arm, seed } = request;
    io.out(JSON.stringify({ id, folder, arm, seed, state, reason, attempts, scores, importance }, null, 2));
  } else {
    io.out(`${id}: ${states[state].word}${reason === undefined ? '' : `. ${reason}`}`);
    for (const [task, metrics] of Object.entries(scores ?? {})) {
      const shown = Object.entries(metrics).map(([metric, { value }]) => `${metric} ${Number(value.toPrecision(5))}`);
      io.out(`  ${task}: ${shown.join(', ')}`);
    }
    if (importance) io.out(importanceText(importance, Math.min(io.columns, 120)).join('\n'));
  }
  return states[state].ended && state !== 'succeeded' ? 1 : 0;
}
