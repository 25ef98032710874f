import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, sep } from 'node:path';
import { writeAtomic } from '../../base/files.ts';
import { home, runId } from '../../record/layout.ts';
import { states } from '../../record/state.ts';
import { isDamaged, type ReadEntry, readEntry } from './entry.ts';

/** What a look at the run directories found to be different. */
export interface IndexChange {
  /** New or changed. */
  changed: ReadEntry[];
  /** Folders that are gone. */
  removed: string[];
}

interface Known {
  /** Modification time of the run directory, milliseconds, taken before its content. */
  time: number;
  entry: ReadEntry;
  /** Nothing can have changed while the directory's time is the same. */
  settled: boolean;
}

interface Cached {
  time: number;
  entry: ReadEntry;
}
/** By folder. */
type Cache = ReadonlyMap<string, Cached>;

/** A directory that changed later than this before it was read may change again within one tick of its clock. */
const clockTick = 2000;
/** The extension host is given back after so many milliseconds of reading. */
const slice = 12;
const cacheVersion = 1;

/**
 * All runs of some `.strata` folders, kept by the modification time of their directories: every file that ends, starts or
 * evaluates a run is created in it. Only runs at work are read again each time. Owner calls `dispose`.
 */
export class RunIndex {
  readonly #cacheFile: string | undefined;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<(change: IndexChange) => void>();
  #cache: Cache | undefined;
  #homes: readonly string[] = [];
  #work: Promise<unknown> = Promise.resolve();
  #unsaved = false;
  #disposed = false;

  /** `cacheFile` remembers ended runs between starts of the editor; a missing or broken one costs time only. */
  constructor(cacheFile?: string) {
    this.#cacheFile = cacheFile;
  }

  entries(): ReadEntry[] {
    return [...this.#known.values()].map(({ entry }) => entry);
  }

  get homes(): readonly string[] {
    return this.#homes;
  }

  onChange(listener: (change: IndexChange) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  /** Looks at these `.strata` folders from now on. */
  setHomes(homes: readonly string[]): Promise<IndexChange> {
    this.#homes = [...new Set(homes)];
    return this.refresh();
  }

  /** Looks at all run directories; what changed is told to the listeners, in slices when there is much. */
  refresh(): Promise<IndexChange> {
    return this.#queued(() => this.#refresh());
  }

  /** Looks at these run directories only: new, changed or gone. */
  look(folders: readonly string[]): Promise<IndexChange> {
    return this.#queued(async () => {
      const gone = folders.filter((folder) => this.#known.has(folder) && timeOf(folder) === undefined);
      for (const folder of gone) this.#known.delete(folder);
      this.#tell({ changed: [], removed: gone });
      const due = timed(folders.filter((folder) => runId.test(basename(folder)))).filter(([folder, time]) =>
        this.#isDue(folder, time),
      );
      return { changed: (await this.#read(due)).changed, removed: gone };
    });
  }

  /** Reads the runs at work again, and no other. */
  poll(): Promise<IndexChange> {
    return this.#queued(async () => {
      const active = [...this.#known].filter(([, { entry }]) => isActive(entry)).map(([folder]) => folder);
      return this.#read(timed(active));
    });
  }

  get active(): boolean {
    return [...this.#known.values()].some(({ entry }) => isActive(entry));
  }

  dispose(): void {
    this.#disposed = true;
    this.#listeners.clear();
  }

  /** One look at a time: two would tell the same change twice. */
  #queued<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#work.then(work);
    this.#work = next.catch(() => {});
    return next;
  }

  async #refresh(): Promise<IndexChange> {
    const present = new Map<string, number>();
    let begun = performance.now();
    const breathe = async () => {
      if (performance.now() - begun < slice) return;
      await new Promise((resolve) => setImmediate(resolve));
      begun = performance.now();
    };
    for (const folder of this.#homes) {
      const { runs } = home(folder);
      for (const name of namesIn(runs)) {
        if (!runId.test(name)) continue;
        const path = `${runs}${sep}${name}`;
        const time = timeOf(path);
        if (time !== undefined) present.set(path, time);
        await breathe();
      }
    }
    const removed = [...this.#known.keys()].filter((folder) => !present.has(folder));
    for (const folder of removed) this.#known.delete(folder);
    const cached = this.#fromCache(present);
    const due = [...present].filter(([folder, time]) => this.#isDue(folder, time));
    this.#tell({ changed: cached, removed });
    const { changed } = await this.#read(due);
    await this.#save();
    return { changed: [...cached, ...changed], removed };
  }

  #isDue(folder: string, time: number): boolean {
    const known = this.#known.get(folder);
    return !known?.settled || known.time !== time;
  }

  /** Takes over what an earlier start of the editor knew and still holds. */
  #fromCache(present: ReadonlyMap<string, number>): ReadEntry[] {
    this.#cache ??= readCache(this.#cacheFile);
    const taken: ReadEntry[] = [];
    for (const [folder, time] of present) {
      const cached = this.#known.has(folder) ? undefined : this.#cache.get(folder);
      if (cached?.time !== time) continue;
      this.#known.set(folder, { time, entry: cached.entry, settled: true });
      taken.push(cached.entry);
    }
    return taken;
  }

  async #read(folders: readonly Timed[]): Promise<IndexChange> {
    const all: ReadEntry[] = [];
    let changed: ReadEntry[] = [];
    let begun = performance.now();
    for (const [folder, time] of folders) {
      if (this.#disposed) break;
      const entry = await this.#readOne(folder, time);
      if (entry) changed.push(entry);
      if (performance.now() - begun < slice) continue;
      // What was read so far is shown while the rest is read.
      this.#tell({ changed, removed: [] });
      all.push(...changed);
      changed = [];
      await new Promise((resolve) => setImmediate(resolve));
      begun = performance.now();
    }
    this.#tell({ changed, removed: [] });
    return { changed: [...all, ...changed], removed: [] };
  }

  /** The entry if it is not what it was. */
  async #readOne(folder: string, time: number): Promise<ReadEntry | undefined> {
    const entry = await readEntry(folder);
    if (!entry) return undefined;
    const before = this.#known.get(folder);
    const settled = isStable(entry) && Date.now() - time > clockTick;
    const same = before !== undefined && JSON.stringify(before.entry) === JSON.stringify(entry);
    this.#known.set(folder, { time, entry, settled });
    if (settled && !(same && before.settled)) this.#unsaved = true;
    return same ? undefined : entry;
  }

  #tell(change: IndexChange): void {
    if (change.changed.length === 0 && change.removed.length === 0) return;
    if (change.removed.length > 0) this.#unsaved = true;
    for (const listener of this.#listeners) listener(change);
  }

  async #save(): Promise<void> {
    if (!this.#unsaved || this.#cacheFile === undefined || this.#disposed) return;
    this.#unsaved = false;
    const settled = [...this.#known].filter(([, { settled }]) => settled);
    const runs = Object.fromEntries(settled.map(([folder, { time, entry }]) => [folder, { time, entry }]));
    // A cache that cannot be written costs time at the next start, nothing else.
    try {
      mkdirSync(dirname(this.#cacheFile), { recursive: true });
      await writeAtomic(this.#cacheFile, JSON.stringify({ version: cacheVersion, runs }));
    } catch {}
  }
}

/** A folder with its modification time as it was before anything in it was read. */
type Timed = readonly [folder: string, time: number];

function timed(folders: readonly string[]): Timed[] {
  return folders.flatMap((folder) => {
    const time = timeOf(folder);
    return time === undefined ? [] : [[folder, time] as const];
  });
}

/** Milliseconds; undefined if there is no such folder. */
function timeOf(folder: string): number | undefined {
  return statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
}

function isActive(entry: ReadEntry): boolean {
  return !isDamaged(entry) && states[entry.state].active;
}

/** Whether only a new file in its directory can change it: a run at work changes without one, a lost one may be heard of again. */
function isStable(entry: ReadEntry): boolean {
  return !isDamaged(entry) && !states[entry.state].active && entry.state !== 'lost';
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readCache(file: string | undefined): Cache {
  if (file === undefined) return new Map();
  try {
    const read = JSON.parse(readFileSync(file, 'utf8')) as { version: number; runs: Record<string, Cached> };
    return new Map(read.version === cacheVersion ? Object.entries(read.runs) : []);
  } catch {
    return new Map();
  }
}
