import { states } from '../record/state.ts';
import type { RunState } from '../record/types.ts';

/** A run directory as the dispatcher sees it. */
export interface QueueEntry {
  id: string;
  state: RunState;
  /** When it was asked for, and its place among those asked for at once. */
  asked: number;
  order: number;
  /** Id of the run whose model it starts from. */
  parent?: string;
}

export interface Moves {
  start: string[];
  skip: { id: string; reason: string }[];
  /** Nothing waits any more. */
  idle: boolean;
}

/**
 * What to do now: start waiting runs in the order they were asked for, `jobs` at a time, parents before children; a child
 * whose parent did not succeed is skipped, and so are its own children in turn. Pure.
 */
export function nextMoves(entries: readonly QueueEntry[], jobs: number): Moves {
  const byId = new Map(entries.map((e) => [e.id, e]));
  const waiting = entries.filter((e) => e.state === 'waiting').sort((a, b) => a.asked - b.asked || a.order - b.order);
  const skip: Moves['skip'] = [];
  const skipped = new Set<string>();
  const obstacle = (e: QueueEntry): string | undefined => {
    if (e.parent === undefined) return undefined;
    const parent = byId.get(e.parent);
    if (!parent) return `Its parent ${e.parent} is not here.`;
    if (skipped.has(parent.id)) return `Its parent ${parent.id} is skipped.`;
    if (!states[parent.state].ended || parent.state === 'succeeded') return undefined;
    return `Its parent ${parent.id} is ${states[parent.state].word}.`;
  };
  // A parent may stand behind its child in the order, so look until nothing changes.
  for (let before = -1; before !== skipped.size; ) {
    before = skipped.size;
    for (const e of waiting) {
      if (skipped.has(e.id)) continue;
      const reason = obstacle(e);
      if (reason === undefined) continue;
      skipped.add(e.id);
      skip.push({ id: e.id, reason });
    }
  }
  const free = Math.max(0, jobs - entries.filter((e) => states[e.state].active).length);
  const ready = waiting.filter(
    (e) => !skipped.has(e.id) && (e.parent === undefined || byId.get(e.parent)!.state === 'succeeded'),
  );
  return { start: ready.slice(0, free).map((e) => e.id), skip, idle: waiting.length === skipped.size };
}
