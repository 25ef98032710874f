import {
  type Guard,
  type Guarded,
  isArrayOf,
  isBoolean,
  isNumber,
  isObject,
  isOneOf,
  isRecord,
  isRecordOf,
  isString,
  optional,
} from '../base/guards.ts';
import type { Problem } from '../base/problem.ts';
import type { RunState } from '../record/types.ts';
import type { Comparison } from '../report/types.ts';

/** Version of what the webview remembers; a panel of an older version is opened anew with what still makes sense. */
export const panelProtocol = 1;

/** What a panel compares. Paths are absolute. */
export type PanelSource = { kind: 'experiment'; file: string } | { kind: 'runs'; folders: string[] };

/** Arms that the user chose instead of those the experiment names; the comparison is computed anew with them. */
export interface PanelChoice {
  baseline?: string;
  subject?: string;
}

/** A run as it stands now, for whoever watches it. */
export interface RunStatus {
  id: string;
  folder: string;
  arm: string;
  seed?: number;
  state: RunState;
  /** The state as people say it, with the reason where there is one. */
  words: string;
  /** Work done, while it works. */
  progress?: { done: number; total: number; label: string };
}

/** Everything the panel draws; always sent whole, so that no message can be missed. */
export interface PanelState {
  source: PanelSource;
  title: string;
  choice: PanelChoice;
  /** The last comparison that could be made, even when `problem` says that it is no longer up to date. */
  comparison?: Comparison;
  runs: RunStatus[];
  /** Sentences about what happened while it was open. */
  notices: string[];
  /** Why there is no comparison, or none that is up to date. */
  problem?: Problem;
  /** What is being done, while it takes time. */
  busy?: string;
}

/** How a person has arranged the panel. Kept over reloads, and what a view file saves. */
export interface PanelView {
  sort?: { column: string; descending: boolean };
  filter: string;
  /** Arms that are not drawn. */
  hidden: string[];
  /** Arms whose seeds are shown. */
  expanded: string[];
  /** Weight of the past in the moving average, 0 (off) to 0.99. */
  smoothing: number;
  /** Keys of axes drawn logarithmically: `x:<zoom group>` or `y:<chart id>`. */
  logarithmic: string[];
  /** Ids of charts shown as tables. */
  tables: string[];
  /** Visible range by zoom group. */
  zoom: Record<string, ZoomRange>;
  /** The contrast whose flipped documents are shown, `arm against task`. */
  documents?: string;
}

export interface ZoomRange {
  x: [number, number];
  /** Only of charts that are zoomed both ways. */
  y?: [number, number];
}

export const initialView: PanelView = {
  filter: '',
  hidden: [],
  expanded: [],
  smoothing: 0,
  logarithmic: [],
  tables: [],
  zoom: {},
};

export type ToPanel = { type: 'state'; state: PanelState } | { type: 'view'; view: PanelView };

export type ToHost =
  /** The webview listens; `restored`: it has a view of its own and needs none. */
  | { type: 'ready'; restored: boolean }
  | { type: 'choose'; choice: PanelChoice }
  /** `what` is said in the confirmation. */
  | { type: 'copy'; text: string; what: string }
  /** A file made of what is drawn; `png` is base64. */
  | { type: 'save'; format: 'csv' | 'svg' | 'png'; name: string; content: string }
  /** The whole comparison, written by the host. */
  | { type: 'export'; format: 'md' | 'csv' | 'json' | 'svg' | 'html' }
  | { type: 'saveView'; view: PanelView }
  | { type: 'openExperiment' }
  | { type: 'showLog'; folder: string }
  | { type: 'retry' };

const isPair: Guard<[number, number]> = (v): v is [number, number] =>
  isArrayOf(isNumber)(v) && v.length === 2 && v[0]! < v[1]!;

const isSmoothing: Guard<number> = (v): v is number => isNumber(v) && v >= 0 && v < 1;

export const isPanelSource: Guard<PanelSource> = (v): v is PanelSource =>
  isRecord(v) &&
  (v['kind'] === 'experiment' ? isString(v['file']) : v['kind'] === 'runs' && isArrayOf(isString)(v['folders']));

export const isPanelChoice = isObject({ baseline: optional(isString), subject: optional(isString) });

/** One guard a member: a view from a file or an older version keeps what still makes sense, the rest is as at first. */
const viewGuards: { [K in keyof Required<PanelView>]: Guard<PanelView[K]> } = {
  sort: optional(isObject({ column: isString, descending: isBoolean })),
  filter: isString,
  hidden: isArrayOf(isString),
  expanded: isArrayOf(isString),
  smoothing: isSmoothing,
  logarithmic: isArrayOf(isString),
  tables: isArrayOf(isString),
  zoom: isRecordOf(isObject({ x: isPair, y: optional(isPair) })),
  documents: optional(isString),
};

const isPanelView: Guard<PanelView> = isObject(viewGuards) as Guard<PanelView>;

/** The view that a value describes, as far as it does. */
export function readView(value: unknown): PanelView {
  const given = isRecord(value) ? value : {};
  const kept = Object.entries(viewGuards).filter(([key, guard]) => key in given && guard(given[key]));
  return { ...initialView, ...Object.fromEntries(kept.map(([key]) => [key, given[key]])) };
}

const toHost: { [K in ToHost['type']]: Guard<Omit<Extract<ToHost, { type: K }>, 'type'>> } = {
  ready: isObject({ restored: isBoolean }),
  choose: isObject({ choice: isPanelChoice }),
  copy: isObject({ text: isString, what: isString }),
  save: isObject({ format: isOneOf('csv', 'svg', 'png'), name: isString, content: isString }),
  export: isObject({ format: isOneOf('md', 'csv', 'json', 'svg', 'html') }),
  saveView: isObject({ view: isPanelView }),
  openExperiment: isObject({}),
  showLog: isObject({ folder: isString }),
  retry: isObject({}),
};

const isAnyArray: Guard<unknown[]> = (v): v is unknown[] => Array.isArray(v);

/** The host made it; what the panel walks through is checked for being there. */
const isComparison = isObject({
  title: isString,
  metrics: isAnyArray,
  arms: isAnyArray,
  contrasts: isAnyArray,
  missing: isAnyArray,
  stale: isAnyArray,
  notes: isAnyArray,
  differences: isAnyArray,
  lossCurves: isAnyArray,
  scoreCurves: isAnyArray,
  documents: isRecord as Guard<Record<string, unknown>>,
});

const isPanelState = isObject({
  source: isPanelSource,
  title: isString,
  choice: isPanelChoice,
  comparison: optional(isComparison),
  runs: isArrayOf(isObject({ id: isString, folder: isString, arm: isString, state: isString, words: isString })),
  notices: isArrayOf(isString),
  problem: optional(isObject({ code: isString, message: isString })),
  busy: optional(isString),
});

const toPanel: { [K in ToPanel['type']]: Guard<unknown> } = {
  state: isObject({ state: isPanelState }),
  view: isObject({ view: isPanelView }),
};

function parse<T>(guards: Record<string, Guard<unknown>>, message: unknown): T | undefined {
  const type = isRecord(message) && isString(message['type']) ? message['type'] : '';
  return Object.hasOwn(guards, type) && guards[type]!(message) ? (message as T) : undefined;
}

/** A message of the webview, or undefined if it is none. */
export const parseToHost = (message: unknown): ToHost | undefined => parse<ToHost>(toHost, message);
/** A message of the host, or undefined if it is none. */
export const parseToPanel = (message: unknown): ToPanel | undefined => parse<ToPanel>(toPanel, message);

/** What the webview keeps with `setState` and a serializer gets back. */
export const isPanelMemory = isObject({ protocol: isNumber, source: isPanelSource, choice: isPanelChoice });
export type PanelMemory = Guarded<typeof isPanelMemory> & { view: PanelView };
