import type { Place } from '../launch/place.ts';
import { pause } from '../launch/program.ts';
import { readProgress, readRun, stepsLabel } from '../record/read.ts';
import { states } from '../record/state.ts';
import type { Run } from '../record/types.ts';
import { createProgress, type ProgressDisplay } from './progress.ts';
import type { Io } from './verb.ts';

const pollEvery = 300;
/** A dispatcher that was killed while runs wait is replaced after this many polls. */
const wakeEvery = 20;

/** `s, seed 1`, or `base`. */
export function runTitle({ request }: Pick<Run, 'request'>): string {
  return request.seed === undefined ? request.arm : `${request.arm}, seed ${request.seed}`;
}

/**
 * Follows runs by their files until all have ended or `signal` is aborted, with progress of the one that is at work and a line
 * for each change of state. Returns the runs as they are then.
 */
export async function follow(io: Io, place: Place, folders: readonly string[], signal: AbortSignal): Promise<Run[]> {
  const display = createProgress(io);
  const runs = new Map<string, Run>();
  let shown: Shown | undefined;
  try {
    for (let poll = 0; ; poll++) {
      await place.refresh();
      for (const folder of folders) {
        const before = runs.get(folder);
        if (before && states[before.state].ended) continue;
        const run = await readRun(folder);
        if (run.state !== before?.state) {
          // The files of a run that ended say no more than the last poll saw; its work is done all the same.
          if (run.state === 'succeeded' && shown?.folder === folder)
            display.report(shown.label, shown.total, shown.total);
          announce(display, run, before);
        }
        runs.set(folder, run);
      }
      const all = [...runs.values()];
      if (signal.aborted || all.every(({ state }) => states[state].ended)) return all;
      shown = await progressOf(all);
      if (shown) display.report(shown.label, shown.done, shown.total);
      if (poll % wakeEvery === wakeEvery - 1) await place.wake();
      await pause(pollEvery);
    }
  } finally {
    display.close();
  }
}

function announce(display: ProgressDisplay, run: Run, before: Run | undefined): void {
  const { ended, word } = states[run.state];
  // What had ended before is said by the caller; what waits is no news.
  if ((!before && ended) || run.state === 'waiting' || run.state === 'starting') return;
  display.note(`${run.id}: ${word}${run.reason === undefined ? '' : `. ${run.reason}`}`);
}

interface Shown {
  folder: string;
  label: string;
  done: number;
  total: number;
}

/** Progress of the first run that is at work: tokens while it trains, else what its last event counts. */
async function progressOf(runs: readonly Run[]): Promise<Shown | undefined> {
  const run = runs.find(({ state }) => states[state].active);
  if (!run) return undefined;
  const { folder } = run;
  const ended = runs.filter(({ state }) => states[state].ended).length;
  const title = `${runs.length > 1 ? `${ended + 1}/${runs.length} ` : ''}${runTitle(run)}`;
  const { current, step, steps } = await readProgress(run);
  const { training } = run.spec;
  if (current?.type !== 'progress') return undefined;
  if (current.label === stepsLabel && training) {
    const perStep = training.batch * training.sequence;
    const done = (step?.step ?? current.done) * perStep;
    return { folder, label: `${title}: tokens trained`, done, total: steps * perStep };
  }
  return { folder, label: `${title}: ${current.label}`, done: current.done, total: current.total };
}
