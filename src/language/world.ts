import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { attempt } from '../base/problem.ts';
import type { Parsed } from '../experiment/parse.ts';
import type { Experiment } from '../experiment/types.ts';
import { openModel } from '../model/open.ts';
import { gather } from '../plan/gather.ts';
import { homeOf } from '../record/layout.ts';
import { type KnownFacts, readMeasured } from '../record/measured.ts';

export interface WorldOptions {
  /** Something about what a file refers to became known or changed. */
  changed(file: string): void;
  /** Other layers were measured of what a file refers to. */
  measured(file: string): void;
  /** A defect, for the log. */
  failed(error: unknown): void;
  /** false: no tokenizer is opened. */
  trusted(): boolean;
}

/** What is known of the world around one experiment file. */
interface Known {
  facts?: KnownFacts;
  /** What `facts` were gathered for. */
  subject?: Experiment;
  /** The same, as it is compared with what is asked for. */
  answers?: string;
  /** What was asked for last. */
  asked: string;
  from: string;
  running: boolean;
  timer?: NodeJS.Timeout;
  watchers: Map<string, FSWatcher>;
}

/** Milliseconds of quiet before files are read again. */
const quiet = 150;
/** Folders that are watched for one file at most. */
const mostFolders = 32;

/**
 * The facts around open experiment files: read in the background, kept until what they were read for changes, read again when
 * files change on disk. Nothing is written.
 */
export class World {
  readonly #options: WorldOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** What is known now, without what the text has left behind; more may become known (`changed`). */
  factsFor(parsed: Parsed, file: string, from = dirname(file)): KnownFacts | undefined {
    const known = this.#entry(file, from);
    // A text that is no YAML for a moment says nothing about what it refers to.
    if (parsed.tree.problems.length > 0 && known.facts) return known.facts;
    const asked = JSON.stringify(subjectOf(parsed.draft));
    if (asked !== known.asked) {
      const first = known.asked === '';
      known.asked = asked;
      this.#schedule(file, known, parsed.draft, first ? 0 : quiet);
    }
    if (!known.facts || !known.subject || asked === known.answers) return known.facts;
    return stillTrue(known.facts, known.subject, parsed.draft);
  }

  /** Reads again what all files refer to, e.g. when the folder is trusted now. */
  refresh(): void {
    for (const [file, known] of this.#known) if (known.subject) this.#schedule(file, known, known.subject, 0);
  }

  /** Reads again what was measured of the models: an analysis may have ended. */
  async remeasure(): Promise<void> {
    for (const [file, known] of this.#known) {
      const { facts } = known;
      if (!facts) continue;
      const measured = await measuredOf(file, facts);
      const names = (list: KnownFacts['measured'] = []) => list.map(({ folder, standing }) => `${folder} ${standing}`);
      if (known.facts !== facts || names(measured).join() === names(facts.measured).join()) continue;
      known.facts = { ...facts, measured };
      this.#options.measured(file);
    }
  }

  close(file: string): void {
    const known = this.#known.get(file);
    if (!known) return;
    this.#known.delete(file);
    clearTimeout(known.timer);
    for (const watcher of known.watchers.values()) watcher.close();
  }

  dispose(): void {
    for (const file of [...this.#known.keys()]) this.close(file);
  }

  #entry(file: string, from: string): Known {
    let known = this.#known.get(file);
    if (!known) {
      known = { asked: '', from, running: false, watchers: new Map() };
      this.#known.set(file, known);
    }
    return known;
  }

  #schedule(file: string, known: Known, draft: Experiment, delay: number): void {
    known.subject ??= draft;
    clearTimeout(known.timer);
    known.timer = setTimeout(() => void this.#gather(file, known, draft), delay);
  }

  /** One reading at a time for a file; a request meanwhile is served when it is done. */
  async #gather(file: string, known: Known, draft: Experiment): Promise<void> {
    if (known.running) {
      known.timer = setTimeout(() => void this.#gather(file, known, draft), quiet);
      return;
    }
    known.running = true;
    try {
      const { from } = known;
      const options = { from, tokenizer: this.#options.trusted(), cacheFolder: null };
      // The model first: completion and hover need nothing else.
      if (known.facts === undefined)
        this.#learn(file, known, draft, await gather(draft, { ...options, depth: 'headers' }));
      // Watched before it is read, so that nothing changes in between unseen.
      await this.#watch(file, known, draft);
      const facts: KnownFacts = await gather(draft, { ...options, depth: 'files' });
      facts.measured = await measuredOf(file, facts);
      this.#learn(file, known, draft, facts);
    } catch (error) {
      this.#options.failed(error);
    } finally {
      known.running = false;
    }
  }

  #learn(file: string, known: Known, draft: Experiment, facts: KnownFacts): void {
    if (this.#known.get(file) !== known) return;
    known.facts = facts;
    known.subject = draft;
    known.answers = JSON.stringify(subjectOf(draft));
    this.#options.changed(file);
  }

  async #watch(file: string, known: Known, draft: Experiment): Promise<void> {
    const folders = new Set<string>();
    for (const folder of watchedFolders(draft, known)) {
      const there = await nearestFolder(folder);
      if (there !== undefined && folders.size < mostFolders) folders.add(there);
    }
    if (this.#known.get(file) !== known) return;
    for (const [folder, watcher] of known.watchers)
      if (!folders.has(folder)) {
        watcher.close();
        known.watchers.delete(folder);
      }
    for (const folder of folders) if (!known.watchers.has(folder)) this.#watchFolder(file, known, folder);
  }

  #watchFolder(file: string, known: Known, folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        // Writing the experiment itself, or anything hidden such as `.strata`, says nothing about what it refers to.
        if (name === null || name.startsWith('.') || resolve(folder, name) === file || !known.subject) return;
        this.#schedule(file, known, known.subject, 2 * quiet);
      });
      watcher.on('error', () => {
        watcher.close();
        known.watchers.delete(folder);
      });
      known.watchers.set(folder, watcher);
    } catch {
      // A folder that cannot be watched is read again when the text changes.
    }
  }
}

/** What cannot be read is not measured: the model's own problems are said elsewhere. */
async function measuredOf(file: string, { base }: KnownFacts): Promise<KnownFacts['measured']> {
  if (!base) return undefined;
  const read = await attempt(async () => readMeasured([homeOf(file).folder], await openModel(base.folder)));
  return read.ok ? read.value : undefined;
}

/** The part of an experiment that facts are gathered for. */
function subjectOf({ model, corpora, tasks, arms }: Experiment): unknown {
  const adapters = Object.values(arms).flatMap(({ name, lora }) => (lora?.adapter ? [[name, lora.adapter]] : []));
  return [model, corpora, tasks, adapters];
}

/** Facts without those about parts that are written differently now. */
function stillTrue(facts: KnownFacts, then: Experiment, now: Experiment): KnownFacts {
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const sameModel = then.model === now.model;
  const kept = (path: readonly (string | number)[]): boolean => {
    const [section, name] = path;
    if (section === 'model') return sameModel;
    if ((section === 'corpora' || section === 'tasks') && name !== undefined)
      return same(then[section][name], now[section][name]);
    return section !== 'arms' || (sameModel && same(then.arms[name!]?.lora?.adapter, now.arms[name!]?.lora?.adapter));
  };
  const only = <T>(section: string, record: Record<string, T> | undefined) =>
    record && Object.fromEntries(Object.entries(record).filter(([name]) => kept([section, name])));
  return {
    ...facts,
    ...(!sameModel && { model: undefined, base: undefined, measured: undefined }),
    corpora: only('corpora', facts.corpora),
    tasks: only('tasks', facts.tasks),
    adapters: only('arms', facts.adapters),
    problems: facts.problems.filter(({ path }) => kept(path)),
  };
}

/** The model's folder and those that hold the files of corpora and tasks. */
function watchedFolders({ model, corpora, tasks, arms }: Experiment, { from, facts }: Known): string[] {
  const patterns = [
    ...Object.values(corpora).flatMap(({ files }) => files),
    ...Object.values(tasks).flatMap((task) => (task.kind === 'choice' || task.kind === 'generate' ? task.files : [])),
  ];
  const adapters = Object.values(arms).flatMap(({ lora }) => lora?.adapter ?? []);
  return [
    facts?.base?.folder ?? resolve(from, model),
    ...adapters.map((folder) => resolve(from, folder)),
    ...patterns.map((pattern) => dirname(resolve(from, pattern.replace(/[*?].*$/, 'x')))),
  ];
}

/** The folder itself, or the nearest one above it that exists: there it would appear. */
async function nearestFolder(folder: string): Promise<string | undefined> {
  for (let here = folder; ; here = dirname(here)) {
    const found = await stat(here).catch(() => undefined);
    if (found?.isDirectory()) return here;
    if (dirname(here) === here) return undefined;
  }
}
