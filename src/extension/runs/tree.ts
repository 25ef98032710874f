import { basename } from 'node:path';
import { t } from '../../base/translate.ts';
import { count, duration } from '../../plan/amounts.ts';
import { states } from '../../record/state.ts';
import type { RunState } from '../../record/types.ts';
import { metricOf } from '../../tasks/metrics.ts';
import { type DamagedRun, isDamaged, type ReadEntry, type RunEntry } from './entry.ts';
import type { IndexChange } from './index.ts';

/** A row of the Runs view, without anything of VS Code. */
export interface RunNode {
  /** Stable over time. */
  key: string;
  kind: 'experiment' | 'arm' | 'run' | 'damaged';
  label: string;
  description: string;
  /** Codicon and theme colour. */
  icon: { id: string; color?: string };
  /** Words that menus ask for: `run cancelable`, `experiment`. */
  context: string;
  /** What a screen reader says. */
  spoken: string;
  /** Lines of plain text. */
  tooltip: string[];
  /** The experiment file. */
  file?: string;
  /** Of a run. */
  folder?: string;
  entry?: RunEntry;
}

/** How a state is drawn; its word is in `record/state.ts`. */
export const stateIcons: Record<RunState, { id: string; color?: string }> = {
  waiting: { id: 'watch' },
  starting: { id: 'loading~spin' },
  running: { id: 'sync~spin', color: 'charts.blue' },
  canceling: { id: 'loading~spin' },
  orphaned: { id: 'warning', color: 'list.warningForeground' },
  succeeded: { id: 'pass', color: 'testing.iconPassed' },
  failed: { id: 'error', color: 'list.errorForeground' },
  canceled: { id: 'circle-slash' },
  skipped: { id: 'debug-step-over' },
  lost: { id: 'question', color: 'list.warningForeground' },
  preempted: { id: 'debug-pause' },
  unreachable: { id: 'debug-disconnect', color: 'list.warningForeground' },
};

const resumable: readonly RunState[] = ['failed', 'canceled', 'lost', 'preempted', 'skipped'];

interface Group {
  file: string;
  arms: Map<string, Map<string, RunEntry>>;
}

/** Experiments → arms → runs, kept up to date by what the index tells. */
export class RunTree {
  readonly #groups = new Map<string, Group>();
  readonly #entries = new Map<string, ReadEntry>();
  readonly #damaged = new Map<string, DamagedRun>();

  /**
   * Takes a change in and returns the keys of the rows to draw again with what is under them; undefined: all of them.
   * A run that only went on is one row.
   */
  update({ changed, removed }: IndexChange): string[] | undefined {
    const rows = new Set<string>();
    let all = false;
    const forget = (folder: string): RunEntry | undefined => {
      const before = this.#entries.get(folder);
      this.#entries.delete(folder);
      if (!before) return undefined;
      if (isDamaged(before)) this.#damaged.delete(folder);
      else this.#drop(before);
      return isDamaged(before) ? undefined : before;
    };
    for (const folder of removed) {
      forget(folder);
      all = true;
    }
    for (const entry of changed) {
      const before = forget(entry.folder);
      this.#entries.set(entry.folder, entry);
      if (isDamaged(entry)) {
        this.#damaged.set(entry.folder, entry);
        all = true;
        continue;
      }
      this.#add(entry);
      if (!before) all = true;
      else for (const row of rowsOf(before, entry)) rows.add(row);
    }
    return all ? undefined : [...rows];
  }

  get size(): number {
    return this.#entries.size;
  }

  roots(): RunNode[] {
    const groups = [...this.#groups.values()].map((group) => ({ group, newest: newestOf(runsOf(group)) }));
    groups.sort((a, b) => b.newest - a.newest);
    return [...groups.map(({ group }) => experimentNode(group)), ...[...this.#damaged.values()].map(damagedNode)];
  }

  children(node: RunNode): RunNode[] {
    const group = node.file === undefined ? undefined : this.#groups.get(node.file);
    if (!group) return [];
    if (node.kind === 'experiment') return arms(group).map(([arm, runs]) => armOrRun(group, arm, runs));
    const runs = node.kind === 'arm' ? group.arms.get(node.key.slice(armKey(group.file, '').length)) : undefined;
    if (!runs) return [];
    const newest = newestBySeed(runs);
    return ordered(runs).map((entry) => runNode(entry, isOlder(entry, newest), true));
  }

  /** The row with this key as it is now. */
  node(key: string): RunNode | undefined {
    const entry = this.#entries.get(key);
    if (entry && isDamaged(entry)) return damagedNode(entry);
    if (entry) {
      const runs = this.#groups.get(entry.experiment.file)?.arms.get(entry.arm);
      return runs && runNode(entry, isOlder(entry, newestBySeed(runs)), runs.size > 1);
    }
    for (const group of this.#groups.values()) {
      if (group.file === key) return experimentNode(group);
      for (const [arm, runs] of group.arms) if (armKey(group.file, arm) === key) return armOrRun(group, arm, runs);
    }
    return undefined;
  }

  parent(node: RunNode): RunNode | undefined {
    if (node.kind === 'experiment' || node.kind === 'damaged' || node.file === undefined) return undefined;
    const group = this.#groups.get(node.file);
    if (!group) return undefined;
    const runs = node.entry && group.arms.get(node.entry.arm);
    if (node.entry && runs && runs.size > 1) return armOrRun(group, node.entry.arm, runs);
    return node.kind === 'arm' || node.entry ? experimentNode(group) : undefined;
  }

  #add(entry: RunEntry): void {
    const { file } = entry.experiment;
    let group = this.#groups.get(file);
    if (!group) {
      group = { file, arms: new Map() };
      this.#groups.set(file, group);
    }
    let runs = group.arms.get(entry.arm);
    if (!runs) {
      runs = new Map();
      group.arms.set(entry.arm, runs);
    }
    runs.set(entry.folder, entry);
  }

  #drop(entry: RunEntry): void {
    const group = this.#groups.get(entry.experiment.file);
    const runs = group?.arms.get(entry.arm);
    runs?.delete(entry.folder);
    if (runs?.size === 0) group?.arms.delete(entry.arm);
    if (group?.arms.size === 0) this.#groups.delete(group.file);
  }
}

const armKey = (file: string, arm: string): string => `${file}\n${arm}`;

/** Rows that a changed run changes: its own, and those that sum up states only when the state is another. */
function rowsOf(before: RunEntry, after: RunEntry): string[] {
  if (before.state === after.state && before.asked === after.asked) return [after.folder];
  return [after.experiment.file];
}

const runsOf = (group: Group): RunEntry[] => [...group.arms.values()].flatMap((runs) => [...runs.values()]);
const newestOf = (runs: readonly RunEntry[]): number => runs.reduce((most, { asked }) => Math.max(most, asked), 0);

/** Arms in the order in which the newest of their runs were asked for: that of the experiment file. */
function arms(group: Group): [string, Map<string, RunEntry>][] {
  const first = (runs: Map<string, RunEntry>) =>
    [...runs.values()].reduce((a, b) => (b.asked > a.asked || (b.asked === a.asked && b.order < a.order) ? b : a));
  return [...group.arms]
    .map((arm) => ({ arm, at: first(arm[1]) }))
    .sort((a, b) => a.at.order - b.at.order || a.arm[0].localeCompare(b.arm[0]))
    .map(({ arm }) => arm);
}

/** By seed, of each the newest first. */
function ordered(runs: Map<string, RunEntry>): RunEntry[] {
  return [...runs.values()].sort((a, b) => (a.seed ?? 0) - (b.seed ?? 0) || b.asked - a.asked);
}

/** When the newest run of each seed was asked for. */
function newestBySeed(runs: Map<string, RunEntry>): Map<number | undefined, number> {
  const newest = new Map<number | undefined, number>();
  for (const { seed, asked } of runs.values()) newest.set(seed, Math.max(asked, newest.get(seed) ?? 0));
  return newest;
}

const isOlder = ({ seed, asked }: RunEntry, newest: ReadonlyMap<number | undefined, number>): boolean =>
  asked < (newest.get(seed) ?? 0);

function armOrRun(group: Group, arm: string, runs: Map<string, RunEntry>): RunNode {
  const [only, ...others] = runs.values();
  if (only && others.length === 0) return runNode(only, false, false);
  const summary = summaryOf([...runs.values()]);
  return {
    key: armKey(group.file, arm),
    kind: 'arm',
    label: arm,
    description: summary.words,
    icon: summary.icon,
    context: 'arm',
    spoken: t('arm {0}, {1}', arm, summary.words),
    tooltip: [`${arm}: ${summary.words}`],
    file: group.file,
  };
}

function experimentNode(group: Group): RunNode {
  const runs = runsOf(group);
  const { experiment } = runs.reduce((a, b) => (b.asked > a.asked ? b : a));
  const summary = summaryOf(runs);
  return {
    key: group.file,
    kind: 'experiment',
    label: experiment.stem,
    description: summary.words,
    icon: summary.icon,
    context: 'experiment',
    spoken: t('experiment {0}, {1}', experiment.title ?? experiment.stem, summary.words),
    tooltip: [...(experiment.title === undefined ? [] : [experiment.title]), group.file, summary.words],
    file: group.file,
  };
}

/** States in the order in which they matter to somebody who looks. */
const byConcern: readonly RunState[] = [
  'running',
  'starting',
  'canceling',
  'orphaned',
  'unreachable',
  'waiting',
  'failed',
  'lost',
  'preempted',
  'canceled',
  'skipped',
  'succeeded',
];

/** `2 of 6 done, 1 running`; the icon is that of the state that matters most. */
function summaryOf(runs: readonly RunEntry[]): { words: string; icon: RunNode['icon'] } {
  const counts = new Map<RunState, number>();
  for (const { state } of runs) counts.set(state, (counts.get(state) ?? 0) + 1);
  const done = counts.get('succeeded') ?? 0;
  const present = byConcern.filter((state) => counts.has(state));
  const rest = present.filter((state) => state !== 'succeeded').map((s) => `${counts.get(s)} ${states[s].word}`);
  const doneWords = done === runs.length ? `${done} done` : `${done} of ${runs.length} done`;
  return { words: [doneWords, ...rest].join(', '), icon: stateIcons[present[0] ?? 'waiting'] };
}

function runNode(entry: RunEntry, older: boolean, underArm: boolean): RunNode {
  const { folder, state, arm, seed, reason } = entry;
  const { word, active } = states[state];
  const seedWords = seed === undefined ? 'any seed' : `seed ${seed}`;
  const label = underArm ? seedWords : seed === undefined ? arm : t('{0}, seed {1}', arm, seed);
  const facts = [older ? `${word}, older` : word, ...(active ? progressWords(entry) : valueWords(entry))];
  if (state === 'failed' || state === 'lost' || state === 'skipped') facts.splice(1, 0, ...(reason ? [reason] : []));
  if (entry.place !== undefined) facts.push(entry.place);
  const name = seed === undefined ? arm : t('{0}, seed {1}', arm, seed);
  return {
    key: folder,
    kind: 'run',
    label,
    description: facts.join(' · '),
    icon: stateIcons[state],
    context: contextOf(entry),
    spoken: t('run {0}, {1}', name, facts.join(', ')),
    tooltip: tooltipOf(entry, older),
    file: entry.experiment.file,
    folder,
    entry,
  };
}

function contextOf({ state, modelled }: RunEntry): string {
  const { ended, active } = states[state];
  return [
    'run',
    ...(ended ? [] : ['cancelable']),
    ...(resumable.includes(state) ? ['resumable'] : []),
    ...(state === 'succeeded' ? ['finished'] : []),
    ...(modelled ? ['modelled'] : []),
    ...(active || state === 'unreachable' ? [] : ['removable']),
  ].join(' ');
}

/** `45 % · 12.3 k tokens/s · 2 min left · loss 1.23`. */
export function progressWords({ progress }: RunEntry): string[] {
  if (!progress) return [];
  const { label, share, rate, remaining, step } = progress;
  return [
    ...(label === 'training' ? [] : [label]),
    ...(share === undefined ? [] : [`${Math.floor(100 * Math.min(1, share))} %`]),
    ...(rate === undefined ? [] : [t('{0} tokens/s', count(rate))]),
    ...(remaining === undefined ? [] : [t('{0} left', duration(remaining))]),
    ...(step ? [t('loss {0}', step.loss.toPrecision(3))] : []),
  ];
}

/** `recall_new 0.71`. */
export function valueWords({ values }: RunEntry): string[] {
  return values.map(({ task, value }) => `${task} ${number(value)}`);
}

const number = (value: number): string => (Math.abs(value) < 10 ? value.toFixed(3) : value.toPrecision(4));

function tooltipOf(entry: RunEntry, older: boolean): string[] {
  const { id, state, reason, attempts, asked, ended, values, progress, place: where } = entry;
  const time = (at: number) => new Date(at).toLocaleString();
  return [
    id,
    `${states[state].word}${reason === undefined ? '' : `: ${reason}`}`,
    ...(older ? [t('A newer run of this arm and seed is there.')] : []),
    ...(progress?.step ? [t('step {0} of {1}', progress.step.done, progress.step.total)] : []),
    ...values.map(({ task, metric, value }) => {
      const better = metricOf(metric)?.direction === 'lower' ? `, ${t('lower is better')}` : '';
      return `${task}: ${metric} ${Number(value.toPrecision(5))}${better}`;
    }),
    ended === undefined ? t('asked for {0}', time(asked)) : t('asked for {0}, ended {1}', time(asked), time(ended)),
    ...(attempts > 1 ? [t('{0} attempts', attempts)] : []),
    where ?? t('this machine'),
  ];
}

function damagedNode({ id, folder, damaged }: DamagedRun): RunNode {
  return {
    key: folder,
    kind: 'damaged',
    label: id || basename(folder),
    description: t('cannot be read'),
    icon: { id: 'warning', color: 'list.warningForeground' },
    context: 'damaged removable',
    spoken: t('damaged run {0}, {1}', id, damaged),
    tooltip: [damaged],
    folder,
  };
}
