import { readdir } from 'node:fs/promises';
import { snapshot } from './snapshot.ts';
import { deriveState, states } from './state.ts';

/**
 * Who holds a post (a folder that at most one process holds at a time, claimed like an attempt of a run): how many ever did, and
 * whether the newest lives and has not said that it ends.
 */
export async function postHolder(folder: string): Promise<{ generations: number; held: boolean }> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const newest = Math.max(-1, ...names.map((name) => Number(/^claim\.(\d+)$/.exec(name)?.[1] ?? -1)));
  const held = newest >= 0 && states[deriveState(await snapshot(folder, newest)).state].active;
  return { generations: newest + 1, held };
}
