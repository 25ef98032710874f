import { states } from '../../record/state.ts';
import { isDamaged, type ReadEntry, type RunEntry } from './entry.ts';

/** An experiment of which no run waits or works any more. */
export interface Ending {
  file: string;
  stem: string;
  /** Of the runs that were at work or waiting since it was seen going. */
  runs: RunEntry[];
}

/** Folders of the runs seen going, by experiment file: what is remembered between two starts of the editor. */
export type Going = Record<string, string[]>;

/**
 * Which experiments have ended between `before` and these runs, and which go on. Runs that were removed count as ended. Pure; one
 * ending is told once, because its experiment is no longer among those that go on.
 */
export function endings(before: Going, entries: readonly ReadEntry[]): { ended: Ending[]; going: Going } {
  const runs = new Map(entries.flatMap((entry) => (isDamaged(entry) ? [] : [[entry.folder, entry] as const])));
  const now: Record<string, Set<string>> = {};
  for (const [file, folders] of Object.entries(before)) now[file] = new Set(folders);
  const open = new Set<string>();
  for (const entry of runs.values()) {
    if (states[entry.state].ended) continue;
    const { file } = entry.experiment;
    now[file] ??= new Set();
    now[file].add(entry.folder);
    open.add(file);
  }
  const ended: Ending[] = [];
  const going: Going = {};
  for (const [file, folders] of Object.entries(now)) {
    if (open.has(file)) going[file] = [...folders];
    else {
      const seen = [...folders].flatMap((folder) => runs.get(folder) ?? []);
      if (seen[0]) ended.push({ file, stem: seen[0].experiment.stem, runs: seen });
    }
  }
  return { ended, going };
}

/** `6 done`, `5 done, 1 failed`. */
export function endingWords({ runs }: Ending): string {
  const counts = new Map<string, number>();
  for (const { state } of runs) counts.set(states[state].word, (counts.get(states[state].word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
}
