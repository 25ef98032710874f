import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { attempt, fail, sentence } from '../../base/problem.ts';
import type { RunStatus } from '../../protocol/panel.ts';
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
  /** By folder: why a run cannot be read, as a sentence. */
  readonly damaged: Map<string, string>;
}

/** Beats and logs change all the time and are no part of a comparison. */
const unread = /^(heartbeat|stdout|stderr|supervisor|checkpoint)/;

export function createRunCache(): RunCache {
  const sights = new Map<string, Sight & { folderStamp: string }>();
  const loaded = new Map<string, { signature: string; data: ComparedRun }>();
  const damaged = new Map<string, string>();

  async function look(folder: string): Promise<Sight | undefined> {
    const folderStamp = await stampOf(folder);
    const known = sights.get(folder);
    // A new attempt or a result is a new file, which changes the folder's time; an ended run changes in no other way.
    if (known && folderStamp !== '' && known.folderStamp === folderStamp && states[known.run.state].ended) return known;
    const found = await attempt(() => readRun(folder));
    if (!found.ok) {
      sights.delete(folder);
      if (found.problem.code !== 'unknown-run') damaged.set(folder, sentence(found.problem));
      return undefined;
    }
    const run = found.value;
    const sight = {
      folderStamp,
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
        damaged.delete(folder);
        if (sight) loaded.set(folder, { signature: sight.signature, data });
        return data;
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        const message = `A record of ${basename(folder)} is damaged (${error.message}).`;
        damaged.set(folder, `${message} Its numbers are left out; resume or remove the run.`);
        return fail('run-damaged', message, { place: folder });
      }
    },
    damaged,
  };
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
  return progress.steps > 0 ? { done: progress.step?.step ?? 0, total: progress.steps, label: 'steps' } : undefined;
}
