import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { attempt, fail, sentence, toProblem } from '../../base/problem.ts';
import { t } from '../../base/translate.ts';
import type { RunStatus } from '../../protocol/panel.ts';
import { layout } from '../../record/layout.ts';
import { type RunProgress, readProgress, readRun, stepsLabel } from '../../record/read.ts';
import { states } from '../../record/state.ts';
import type { Run } from '../../record/types.ts';
import { loadComparedRun } from '../../report/load.ts';
import type { ComparedRun } from '../../report/types.ts';
import { stampOf } from './stamp.ts';

/** A run directory as it stood at one moment. */
export interface Sight {
  /** Equal as long as nothing that a comparison reads has changed. */
  signature: string;
  run: Run;
  status: RunStatus;
}

/** What is known of run directories, so that only what changed is read again. */
export interface RunCache {
  /** Undefined if there is no run directory there, or none that can be read. */
  look(folder: string): Promise<Sight | undefined>;
  /** As `loadComparedRun`. Fails with `run-damaged` where a record is broken. */
  load(folder: string): Promise<ComparedRun>;
  /** By folder: what is wrong with its files, as a sentence. */
  readonly damaged: ReadonlyMap<string, string>;
}

/** What is wrong with a run whose records cannot be read. */
const damages = new Set(['records-damaged', 'run-damaged']);

/** Beats and logs change all the time and are no part of a comparison. */
const unread = /^(heartbeat|stdout|stderr|supervisor|checkpoint)/;

export function createRunCache(): RunCache {
  const sights = new Map<string, Sight & { stamp: string }>();
  const loaded = new Map<string, { signature: string; data: ComparedRun }>();
  const damaged = new Map<string, string>();

  async function look(folder: string): Promise<Sight | undefined> {
    const known = sights.get(folder);
    // A new attempt or a result is a new file, which changes the folder's time; but its metrics may be cut in place.
    if (known && states[known.run.state].ended && known.stamp === (await endedStamp(known.run))) return known;
    const found = await attempt(() => readRun(folder));
    if (!found.ok) {
      sights.delete(folder);
      if (found.problem.code === 'unknown-run') damaged.delete(folder);
      else damaged.set(folder, sentence(found.problem));
      return undefined;
    }
    const run = found.value;
    const sight = {
      stamp: await endedStamp(run),
      signature: `${run.state} ${await filesStamp(folder)}`,
      run,
      status: statusOf(run, states[run.state].active ? await progressOf(run) : undefined),
    };
    sights.set(folder, sight);
    return sight;
  }

  return {
    look,
    async load(folder) {
      const sight = await look(folder);
      const kept = loaded.get(folder);
      if (kept && kept.signature === sight?.signature) return kept.data;
      try {
        const data = await loadComparedRun(folder);
        const cut = cutWords(data);
        if (cut === undefined) damaged.delete(folder);
        else damaged.set(folder, cut);
        if (sight) loaded.set(folder, { signature: sight.signature, data });
        return data;
      } catch (error) {
        const problem = toProblem(error);
        if (!(error instanceof SyntaxError || damages.has(problem?.code ?? ''))) throw error;
        const message = `A record of ${basename(folder)} is damaged (${problem?.message ?? String(error)}).`;
        damaged.set(folder, `${message} Its numbers are left out; resume or remove the run.`);
        return fail('run-damaged', message, { place: folder });
      }
    },
    damaged,
  };
}

/** Equal as long as an ended run has not changed: a look at it costs two calls. */
async function endedStamp({ folder, attempts }: Run): Promise<string> {
  const stamps = await Promise.all([folder, join(folder, layout.metrics(attempts - 1))].map(stampOf));
  return stamps.join('\n');
}

/** A run that is done has recorded each of its steps; a record that was cut ends before. */
function cutWords({ run, steps }: ComparedRun): string | undefined {
  const wanted = run.spec.training?.steps ?? 0;
  const last = steps.at(-1)?.step ?? 0;
  if (run.state !== 'succeeded' || last >= wanted) return undefined;
  return `The metrics of ${run.id} end at step ${last} of ${wanted}: the file was cut. Its results are whole, its curves are not.`;
}

/** Names, sizes and times of what is read of a run directory. */
async function filesStamp(folder: string): Promise<string> {
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) => !unread.test(name)).sort();
  const stamps = await Promise.all(names.map(async (name) => `${name} ${await stampOf(join(folder, name))}`));
  return stamps.join('\n');
}

/** A record that is damaged says nothing about how far the run is. */
const progressOf = (run: Run): Promise<RunProgress | undefined> => readProgress(run).catch(() => undefined);

function statusOf({ id, folder, request, state, reason }: Run, progress: RunProgress | undefined): RunStatus {
  const done = workDone(progress);
  return {
    id,
    folder,
    arm: request.arm,
    ...(request.seed !== undefined && { seed: request.seed }),
    state,
    words: `${states[state].word}${reason === undefined ? '' : `: ${reason}`}`,
    ...(done && { progress: done }),
  };
}

function workDone(progress: RunProgress | undefined): RunStatus['progress'] {
  const current = progress?.current;
  if (!progress || !current) return undefined;
  if (current.type === 'progress' && current.label !== stepsLabel) {
    const { done, total, label } = current;
    return total > 0 ? { done, total, label } : undefined;
  }
  return progress.steps > 0 ? { done: progress.step?.step ?? 0, total: progress.steps, label: t('steps') } : undefined;
}
