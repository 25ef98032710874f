import type { SampleRecord, Scores } from '../../record/types.ts';
import { benchmarkOf, membersOf } from '../../tasks/benchmarks.ts';
import type { HarnessResults } from './lm-eval-fields.ts';

/**
 * Groups of tasks (mmlu and its subjects). The harness writes one file of documents a member and only a score for the group;
 * Strata numbers the documents of all members through, each member from where the one before ends, and names the member.
 */

type Samples = Record<string, SampleRecord[]>;

/** The tasks with documents in a group, by the harness's own table; subgroups are opened. */
function leaves(
  group: string,
  table: Record<string, readonly string[]>,
  seen: ReadonlySet<string> = new Set(),
): string[] {
  const members = table[group] ?? [];
  if (members.length === 0 || seen.has(group)) return [group];
  return members.flatMap((m) => leaves(m, table, new Set([...seen, group])));
}

/** Members in Strata's order where it knows the group, so that documents are numbered alike; else in the file's. */
function membersIn(group: string, table: Record<string, readonly string[]>): string[] {
  const named = leaves(group, table);
  const benchmark = benchmarkOf(group);
  const own = benchmark?.form === 'group' ? membersOf(benchmark).map((m) => m.name) : [];
  return own.length === named.length && named.every((n) => own.includes(n)) ? own : named;
}

/**
 * Adds the documents of each group whose members are all there, and how many they are. Returns the names of the tasks and
 * groups that belong to a group so rebuilt.
 */
export function rebuildGroups(
  { group_subtasks: table = {}, 'n-samples': counts = {} }: HarnessResults,
  scores: Scores,
  samples: Samples,
): string[] {
  const inside = new Set<string>();
  for (const group of Object.keys(table)) {
    const members = membersIn(group, table);
    if (!scores[group] || members.includes(group) || !members.every((m) => samples[m] && counts[m]?.original)) continue;
    let first = 0;
    samples[group] = members.flatMap((member) => {
      const start = first;
      first += counts[member]!.original!;
      return samples[member]!.map((s) => ({ ...s, doc_id: s.doc_id + start, benchmark: member }));
    });
    for (const score of Object.values(scores[group])) score.n = samples[group].length;
    for (const name of [...members, ...(table[group] ?? [])]) inside.add(name);
  }
  return [...inside];
}

/** One member of a group as a task of its own. */
export interface Member {
  name: string;
  samples: SampleRecord[];
  /** Documents of its split, as far as the numbers of the next member's tell. */
  documents: number;
}

/** The members of a task's documents, numbered from 0 each; empty for a task that is no group. */
export function splitGroup(samples: readonly SampleRecord[]): Member[] {
  const byName = new Map<string, SampleRecord[]>();
  for (const sample of samples) {
    const name = sample['benchmark'];
    if (typeof name !== 'string') return [];
    byName.set(name, [...(byName.get(name) ?? []), sample]);
  }
  const firsts = [...byName.values()].map((own) => Math.min(...own.map((s) => s.doc_id)));
  return [...byName].map(([name, own], i) => {
    const first = firsts[i]!;
    const next = firsts[i + 1];
    return {
      name,
      samples: own.map(({ benchmark: _, ...s }) => ({ ...s, doc_id: s.doc_id - first })),
      documents: next === undefined ? own.length : next - first,
    };
  });
}
