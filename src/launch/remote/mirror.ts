import { basename } from 'node:path';
import { attempt, Failure, type Problem, sentence, toProblem } from '../../base/problem.ts';
import { runFolders } from '../../record/find.ts';
import { type Home, layout } from '../../record/layout.ts';
import { mirrorFolder, readMirror, writeContact } from '../../record/mirror.ts';
import { isElsewhere, placeName } from '../../record/place.ts';
import { readRecord } from '../../record/snapshot.ts';
import type { PlaceRecord } from '../../record/types.ts';
import type { MirrorCursor, StreamPart } from '../agent/protocol.ts';
import type { Host } from '../host.ts';
import { fillPost, takePost } from '../post.ts';
import { type Program, pause } from '../program.ts';
import { type Asked, Connection } from './connection.ts';
import { backOff, canTryAgain } from './contact.ts';
import { MirroredRun } from './mirrored-run.ts';

/** Milliseconds between two looks for mirrors that somebody made. */
const scanEvery = 500;
/** The process stays so long after the last run was complete: the next one follows often. */
const linger = 2_000;
/** How often in a row a run is asked for again because its files do not fit what came. */
const mostAgain = 5;

interface Incomplete {
  place: PlaceRecord & { host: string };
  folder: string;
}

/** Mirrors of a `.strata` that are not complete, by run id. */
async function allIncomplete(home: Home): Promise<Map<string, Incomplete>> {
  const found = new Map<string, Incomplete>();
  for (const folder of await runFolders(home.folder)) {
    const place = await readRecord<PlaceRecord>(folder, layout.place).catch(() => undefined);
    if (!place || !isElsewhere(place)) continue;
    const mirror = await readMirror(folder).catch(() => undefined);
    if (mirror && !mirror.complete) found.set(basename(folder), { place, folder });
  }
  return found;
}

/** Folders of the mirrors of a place that are not complete, by run id. */
async function incomplete(home: Home, place: PlaceRecord): Promise<Map<string, string>> {
  const all = [...(await allIncomplete(home))];
  const own = all.filter(([, one]) => placeName(one.place) === placeName(place));
  return new Map(own.map(([id, { folder }]) => [id, folder]));
}

/**
 * Keeps the mirrors of one host up to date until all its runs are complete (process `__mirror`); returns at once if another
 * process does. One connection carries all of them; when it is lost it is made again, with back-off. Returns the problem where
 * only a person can mend the contact.
 */
export async function keepMirrors(
  home: Home,
  place: PlaceRecord & { host: string },
  host: Host,
  signal?: AbortSignal,
): Promise<Problem | undefined> {
  const folder = mirrorFolder(home, place);
  for (;;) {
    const post = await takePost(folder);
    if (!post) return undefined;
    const contact = contactKeeper(folder);
    try {
      for (let failures = 0; !signal?.aborted; ) {
        if ((await incomplete(home, place)).size === 0) break;
        const outcome = await followOnce(home, place, host, contact, signal);
        if (outcome.idle) break;
        if (!canTryAgain(outcome.problem)) return outcome.problem;
        failures = outcome.moved ? 0 : failures + 1;
        await pause(backOff(failures));
      }
    } finally {
      contact.dispose();
      await host.close();
      await post.release();
    }
    // A mirror that was made just before this process said that it ends found it alive: so it is looked for once more.
    if (signal?.aborted || (await incomplete(home, place)).size === 0) return undefined;
  }
}

interface ContactKeeper {
  reached(): Promise<void>;
  lost(problem: Problem): Promise<void>;
  /** What was not written yet is forgotten. */
  dispose(): void;
}

/** A link that comes back within so many milliseconds was never said to be lost: nobody could do anything with it. */
const blink = 3_000;

/** Writes `contact.json` when it changes. */
function contactKeeper(folder: string): ContactKeeper {
  let reached: boolean | undefined;
  let since = Date.now();
  let timer: NodeJS.Timeout | undefined;
  return {
    async reached() {
      clearTimeout(timer);
      timer = undefined;
      if (reached === true) return;
      reached = true;
      since = Date.now();
      await writeContact(folder, { reached, since });
    },
    async lost(problem) {
      if (timer === undefined && reached !== false) since = Date.now();
      const say = async () => {
        reached = false;
        await writeContact(folder, { reached, since, reason: sentence(problem), code: problem.code });
      };
      clearTimeout(timer);
      timer = undefined;
      if (reached !== true || !canTryAgain(problem)) return say();
      // The disk here may be full: then there is nowhere to say it.
      timer = setTimeout(() => void say().catch(() => {}), blink);
    },
    dispose: () => clearTimeout(timer),
  };
}

type Outcome = { idle: true } | { idle: false; moved: boolean; problem: Problem };

/** Follows on one connection, until nothing is left to follow or contact is lost. */
async function followOnce(
  home: Home,
  place: PlaceRecord,
  host: Host,
  contact: ContactKeeper,
  signal?: AbortSignal,
): Promise<Outcome> {
  let connection: Connection | undefined;
  let moved = false;
  try {
    connection = await Connection.open(host, { interactive: false, ...(signal && { signal }) });
    await contact.reached();
    const session = new StreamSession(connection, () => {
      moved = true;
    });
    await session.run(() => incomplete(home, place), signal);
    return { idle: true };
  } catch (error) {
    const problem = toProblem(error);
    if (!problem) throw error;
    await contact.lost(problem).catch(() => {});
    const retried = problem.code.startsWith('host-') ? problem : { ...problem, code: `host-mirror-${problem.code}` };
    return { idle: false, moved, problem: retried };
  } finally {
    await connection?.close();
  }
}

/** The stream of one connection: which runs it carries, and what came of them. */
class StreamSession {
  readonly #connection: Connection;
  readonly #moved: () => void;
  readonly #runs = new Map<string, MirroredRun>();
  readonly #again = new Map<string, number>();
  #asked: Asked<'stream'> | undefined;
  /** Parts are applied one after another. */
  #work: Promise<void> = Promise.resolve();
  #failed: unknown;

  constructor(connection: Connection, moved: () => void) {
    this.#connection = connection;
    this.#moved = moved;
  }

  /** Resolves when `wanted` gave nothing for a while; rejects when contact is lost or a write fails. */
  async run(wanted: () => Promise<Map<string, string>>, signal?: AbortSignal): Promise<void> {
    let idleSince = performance.now();
    let ended: Problem | undefined;
    void this.#connection.ended.then((problem) => {
      ended = problem;
    });
    for (;;) {
      const follow: Record<string, MirrorCursor> = {};
      const there = await wanted();
      for (const [id, folder] of there) {
        if (this.#runs.has(id)) continue;
        const run = await MirroredRun.open(folder, id);
        if (!run) continue;
        follow[id] = await run.cursor();
        this.#runs.set(id, run);
      }
      if (Object.keys(follow).length > 0) await this.#follow(follow);
      if (there.size > 0) idleSince = performance.now();
      for (let waited = 0; waited < scanEvery; waited += 50) {
        if (this.#failed) throw this.#failed;
        if (ended) {
          // What came before the end is applied: it need not be asked for again.
          await this.#work;
          throw new Failure(ended);
        }
        await pause(50);
      }
      if (signal?.aborted || performance.now() - idleSince > linger) return;
    }
  }

  async #follow(follow: Record<string, MirrorCursor>): Promise<void> {
    if (this.#asked) return this.#asked.more({ follow });
    this.#asked = this.#connection.ask('stream', { follow }, (part, payload) => {
      this.#work = this.#work
        .then(() => this.#take(part, payload))
        .catch((error: unknown) => {
          this.#failed ??= error;
        });
    });
  }

  async #take(part: StreamPart, payload: Buffer): Promise<void> {
    if (this.#failed) return;
    const id = part.run;
    const run = this.#runs.get(id);
    if (!run) return;
    const applied = await run.apply(part, payload);
    if (part.kind === 'appended' || part.kind === 'replaced') this.#moved();
    if (applied === 'again') return this.#anew(id, run);
    if (applied === 'complete' || applied === 'gone') {
      this.#runs.delete(id);
      this.#moved();
    }
  }

  /** Asks for a run again from what is here now; what is still on its way of the earlier asking is passed over. */
  async #anew(id: string, run: MirroredRun): Promise<void> {
    const tries = (this.#again.get(id) ?? 0) + 1;
    this.#again.set(id, tries);
    if (tries > mostAgain) await pause(backOff(tries - mostAgain));
    await this.#follow({ [id]: await run.cursor() });
  }
}

/** Makes sure that a process keeps the mirrors of a place. */
export async function wakeMirror(home: Home, place: PlaceRecord & { host: string }, program: Program): Promise<void> {
  await fillPost(mirrorFolder(home, place), program, ['__mirror', home.folder, placeName(place)], {
    code: 'mirror',
    name: `The process that mirrors the runs at ${placeName(place)}`,
    remedy: 'The runs go on there; strata attach tries again.',
  });
}

/** The same for every place whose mirrors in this `.strata` are not complete: what is found again after a restart. */
export async function wakeMirrors(home: Home, program: Program): Promise<void> {
  const places = new Map([...(await allIncomplete(home)).values()].map(({ place }) => [placeName(place), place]));
  for (const place of places.values()) await attempt(() => wakeMirror(home, place, program));
}
