import type { Range } from '../experiment/types.ts';
import type { View } from './view.ts';

export interface OutlineEntry {
  name: string;
  kind: 'section' | 'arm' | 'corpus' | 'task' | 'key';
  /** From the key to the end of its value. */
  range: Range;
  /** The key. */
  selection: Range;
  detail?: string;
  children: OutlineEntry[];
}

const named: Record<string, OutlineEntry['kind']> = { arms: 'arm', corpora: 'corpus', tasks: 'task' };

/** The file's outline: its keys, the entries below them, and the keys of those. */
export function symbols(view: View): OutlineEntry[] {
  return below(view, [], 0);
}

const deepest = 2;

function below(view: View, path: string[], depth: number): OutlineEntry[] {
  const value = view.tree.at(path);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > deepest) return [];
  return Object.keys(value).flatMap((name): OutlineEntry[] => {
    const here = [...path, name];
    const entry = view.tree.entry(here);
    if (!entry?.key || name === '') return [];
    const shown = view.tree.at(here);
    const kind = depth === 0 ? 'section' : depth === 1 ? (named[path[0]!] ?? 'key') : 'key';
    return [
      {
        name,
        kind,
        range: { start: entry.key.start, end: Math.max(entry.key.end, entry.value?.end ?? 0) },
        selection: entry.key,
        ...(typeof shown !== 'object' && { detail: String(shown) }),
        children: below(view, here, depth + 1),
      },
    ];
  });
}
