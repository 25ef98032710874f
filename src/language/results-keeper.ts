import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lineage } from '../experiment/stack.ts';
import { runId } from '../plan/identity.ts';
import { homeOf } from '../record/layout.ts';
import type { FileResults } from './results.ts';
import type { View } from './view.ts';

export interface KeeperOptions {
  /** Reads the results of a text, away from this thread. */
  read(text: string, file: string): Promise<FileResults | undefined>;
  /** Other results are known. */
  changed(): void;
  failed(error: unknown): void;
}

interface Kept {
  results?: FileResults;
  /** What each arm's result was read for. */
  fingerprints: Record<string, string>;
  /** Text and run directories that were read last. */
  key: string;
  view: View;
  running: boolean;
  again: boolean;
  timer?: NodeJS.Timeout;
  watchers: Map<string, FSWatcher>;
}

/** Milliseconds without a change before results are read again, so that neither typing nor a running experiment costs much. */
const quiet = 700;
/** Run directories that are watched for one file at most: the newest. */
const mostWatched = 48;

/** The last results of open files: read once for a text and the state of its run directories, again when either changes. */
export class ResultsKeeper {
  readonly #options: KeeperOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** What is known of the text as it stands: results of arms that were changed since they were read are left out. */
  of(view: View): FileResults | undefined {
    if (view.file === '' || !view.experiment) return undefined;
    let kept = this.#kept.get(view.file);
    if (!kept) {
      kept = { fingerprints: {}, key: '', view, running: false, again: false, watchers: new Map() };
      this.#kept.set(view.file, kept);
      this.#schedule(view.file, kept, 0);
    } else if (kept.view.text !== view.text) this.#schedule(view.file, kept, quiet);
    kept.view = view;
    if (!kept.results) return undefined;
    const now = fingerprintsOf(view);
    const arms = Object.entries(kept.results.arms).filter(([arm]) => now[arm] === kept.fingerprints[arm]);
    return { ...kept.results, arms: Object.fromEntries(arms) };
  }

  /** What the file refers to changed, so its runs may be others now. */
  touch(file: string): void {
    const kept = this.#kept.get(file);
    if (!kept) return;
    kept.key = '';
    this.#schedule(file, kept, quiet);
  }

  close(file: string): void {
    const kept = this.#kept.get(file);
    if (!kept) return;
    this.#kept.delete(file);
    clearTimeout(kept.timer);
    for (const watcher of kept.watchers.values()) watcher.close();
  }

  dispose(): void {
    for (const file of [...this.#kept.keys()]) this.close(file);
  }

  #schedule(file: string, kept: Kept, delay: number): void {
    clearTimeout(kept.timer);
    kept.timer = setTimeout(() => void this.#read(file, kept), delay);
  }

  async #read(file: string, kept: Kept): Promise<void> {
    if (kept.running) {
      kept.again = true;
      return;
    }
    kept.running = true;
    try {
      const { view } = kept;
      // Watched before they are read, so that nothing changes in between unseen.
      this.#watch(file, kept, await runFoldersOf(file, view.draft.stem));
      const folders = await runFoldersOf(file, view.draft.stem);
      if (this.#kept.get(file) !== kept) return;
      const key = JSON.stringify([view.text, folders]);
      if (key === kept.key) return;
      kept.key = key;
      // Without run directories there is nothing to read, and the model need not be hashed.
      kept.results = folders.length > 0 ? await this.#options.read(view.text, file) : undefined;
      kept.fingerprints = fingerprintsOf(view);
      if (this.#kept.get(file) === kept) this.#options.changed();
    } catch (error) {
      this.#options.failed(error);
    } finally {
      kept.running = false;
      if (kept.again) this.#schedule(file, kept, quiet);
      kept.again = false;
    }
  }

  /** Watches the folders above, where the first run makes them, that of runs, and the newest run directories. */
  #watch(file: string, kept: Kept, folders: readonly RunFolder[]): void {
    if (this.#kept.get(file) !== kept) return;
    const newest = [...folders].sort((a, b) => b.changed - a.changed).slice(0, mostWatched);
    const { folder, runs } = homeOf(file);
    const wanted = new Set([dirname(folder), folder, runs, ...newest.map(({ name }) => join(runs, name))]);
    for (const [path, watcher] of kept.watchers)
      if (!wanted.has(path)) {
        watcher.close();
        kept.watchers.delete(path);
      }
    for (const path of wanted) if (!kept.watchers.has(path)) this.#watchFolder(file, kept, path);
  }

  #watchFolder(file: string, kept: Kept, path: string): void {
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => {
        if (name === null || watched.test(name)) this.#schedule(file, kept, quiet);
      });
      watcher.on('error', () => {
        watcher.close();
        kept.watchers.delete(path);
      });
      kept.watchers.set(path, watcher);
    } catch {
      // Not there yet: the folder above is watched.
    }
  }
}

/** Names whose change can change a result: run directories, and in them what ends an evaluation or an attempt. */
const watched =
  /^(\.strata|runs|scores\.json|evaluated\.json|(request|result|exit|cancel)\.\d+\.json|[a-z0-9][a-z0-9-]{8,})$/;

interface RunFolder {
  name: string;
  /** Milliseconds; entries appear and disappear with a change of the directory. */
  changed: number;
}

/** So much of the stem is in every run id, however long the name of the arm. */
const prefix = 8;

/** Run directories that may be of an experiment, by name: ids begin with the stem. */
async function runFoldersOf(file: string, stem: string): Promise<RunFolder[]> {
  const { runs } = homeOf(file);
  const names = await readdir(runs).catch(() => []);
  const ending = '-a-';
  const beginning = runId(stem, 'a', undefined, '').slice(0, -ending.length).slice(0, prefix);
  const own = names.filter((name) => name.startsWith(beginning));
  return Promise.all(
    own.map(async (name) => {
      const found = await stat(join(runs, name)).catch(() => undefined);
      return { name, changed: found?.mtimeMs ?? 0 };
    }),
  );
}

/** What an arm's result depends on in the text, by arm. */
function fingerprintsOf({ draft }: View): Record<string, string> {
  const { model, corpora, tasks, evaluation, compare, seeds, device } = draft;
  const common = [model, corpora, tasks, evaluation, compare, seeds, device];
  return Object.fromEntries(
    Object.keys(draft.arms).map((name) => [name, JSON.stringify([common, lineage(draft, name)])]),
  );
}
