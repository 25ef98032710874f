import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import { home } from '../../record/layout.ts';
import type { RunIndex } from './index.ts';

/** Milliseconds between two looks at the runs at work, at all directories while some are, and while none is. */
const pace = { active: 1000, all: 5000, idle: 30_000 };
const settle = 100;

/**
 * Keeps an index fresh: a new or removed run directory, and a dispatcher that is started (every `run`, `resume` and `attach`
 * does that), are seen at once by the folder they appear in; runs at work are read every second. Owner calls `dispose`.
 */
export class RunWatcher {
  readonly #index: RunIndex;
  readonly #watchers = new Map<string, FSWatcher>();
  #soon: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastFull = 0;
  /** What the watchers told since the last look. */
  readonly #named = new Set<string>();
  #everything = false;
  #disposed = false;

  constructor(index: RunIndex) {
    this.#index = index;
  }

  /** Watches the folders of the index's homes from now on, and goes on by itself. */
  follow(): void {
    const wanted = this.#index.homes.flatMap((folder) => [home(folder).runs, home(folder).dispatcher, folder]);
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.includes(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#watch(folder);
    this.#schedule();
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#soon);
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => this.#changed(folder, name));
      // A folder that is removed ends its watcher; the slow look finds it again should it come back.
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // It does not exist yet: the slow look goes on without it.
    }
  }

  /** A run that came or went is looked at alone; anything else may mean any run. */
  #changed(folder: string, name: string | null): void {
    if (this.#disposed) return;
    const isRuns = name !== null && this.#index.homes.some((strata) => home(strata).runs === folder);
    if (isRuns) this.#named.add(join(folder, name));
    else this.#everything = true;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      const named = [...this.#named];
      this.#named.clear();
      if (this.#everything) void this.#full();
      else void this.#index.look(named).then(() => this.#schedule());
      this.#everything = false;
    }, settle);
  }

  async #full(): Promise<void> {
    this.#lastFull = Date.now();
    await this.#index.refresh();
    if (!this.#disposed) this.follow();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#disposed) return;
    const { active } = this.#index;
    this.#timer = setTimeout(
      async () => {
        const due = Date.now() - this.#lastFull >= (active ? pace.all : pace.idle);
        if (due) return this.#full();
        await this.#index.poll();
        this.#schedule();
      },
      active ? pace.active : pace.all,
    );
    this.#timer.unref();
  }
}
