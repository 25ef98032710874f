import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readJson, writeJsonAtomic } from '../../base/files.ts';
import { sha256File } from '../../base/hash.ts';
import { noProgress, type Progress } from '../../base/log.ts';
import { attempt, Failure, fail, type Problem } from '../../base/problem.ts';
import { openModel } from '../../model/open.ts';
import { overlayName } from '../../model/overlay-read.ts';
import { createRun } from '../../record/create.ts';
import { newestOf, versionsOf } from '../../record/find.ts';
import { type Home, layout } from '../../record/layout.ts';
import { mirrorFolder, readContact, readMirror, writeMirror } from '../../record/mirror.ts';
import { placeName } from '../../record/place.ts';
import { readRun } from '../../record/read.ts';
import { states } from '../../record/state.ts';
import type { PlaceRecord, Run } from '../../record/types.ts';
import type { PlacementChoice, RunStatus, Started } from '../agent/protocol.ts';
import { finalContact, type Host } from '../host.ts';
import { isFetchable } from '../mirrored.ts';
import { allStages } from '../missing.ts';
import { refuseElsewhere } from '../order.ts';
import { allThreads, type Order, type OrderOptions, type Place, type Placed } from '../place.ts';
import { type Program, pause } from '../program.ts';
import type { Connection } from './connection.ts';
import { withContact } from './contact.ts';
import { sendData } from './data.ts';
import { wakeMirror } from './mirror.ts';
import { printable } from './mirrored-run.ts';

export interface RemoteOptions {
  record: PlaceRecord & { host: string };
  host: Host;
  /** How waiting runs get started there. */
  placement: PlacementChoice;
  /** The command line of the process that keeps the mirrors. */
  program: Program;
  /** Whether a person is there to be asked. */
  interactive?: boolean;
  /** Told when contact fails and is tried again. */
  onFailure?(problem: Problem, tries: number): void;
  /** Milliseconds after which an asking is given up; the runs are not. */
  limitMs?: number;
}

const defaultLimit = 120_000;
/** Milliseconds in which the mirror brings what an answer already said. */
const settleLimit = 20_000;

/**
 * Another machine. Its runs live there; each has a run directory here that the mirror fills, so that everything that reads runs
 * shows them as it shows local ones.
 */
export function remotePlace(home: Home, options: RemoteOptions): Place {
  const { record, host, placement } = options;
  const contact = <T>(work: (connection: Connection) => Promise<T>) =>
    withContact(
      host,
      {
        interactive: options.interactive === true,
        limitMs: options.limitMs ?? defaultLimit,
        ...(options.onFailure && { onFailure: options.onFailure }),
      },
      work,
    );
  let wokenBefore = false;

  async function wake(): Promise<void> {
    const known = wokenBefore ? await readContact(mirrorFolder(home, record)) : undefined;
    if (known?.code !== undefined && finalContact.has(known.code)) {
      // The mirror ended because only a person can mend it: it is tried here, where a person may be asked, before another one.
      await withContact(host, { interactive: options.interactive === true, limitMs: 0 }, async () => {});
    }
    wokenBefore = true;
    await wakeMirror(home, record, options.program);
  }

  return {
    record,
    name: placeName(record),
    async order(orders, orderOptions = {}) {
      const ready = await Promise.all(orders.map((order) => checkHere(home, record, order)));
      const token = randomUUID();
      return contact(async (connection) => {
        const { cores } = connection.hello;
        const wanted = ready.map((order) => withThreads(order, cores, orderOptions.jobs ?? 1));
        const { started } = await askForRuns(connection, home, wanted, { token, placement, ...orderOptions });
        return takeIn(home, record, wanted, started);
      });
    },
    async wake() {
      await wake();
    },
    async cancel(run, graceMs) {
      const status = await contact((connection) =>
        connection.value('cancel', { run: run.id, ...(graceMs !== undefined && { graceMs }) }),
      );
      await wake();
      return settled(run, status);
    },
    async resume(run) {
      const token = randomUUID();
      const { outcome, run: status } = await contact((connection) =>
        connection.value('resume', { run: run.id, token, placement }),
      );
      await follow(run.folder, status);
      await wake();
      await settled(run, status);
      return outcome;
    },
    fetch: (run, folder, progress) =>
      contact((connection) => fetchFolder(connection, run, folder, progress ?? noProgress)),
    async refresh() {},
  };
}

/** An order as the host is asked for it. Fails with `usage-place` where a run of that id lives at another place. */
async function checkHere(home: Home, place: PlaceRecord, order: Order): Promise<Order> {
  if (!order.fresh) {
    const newest = await newestOf(home.folder, order.id);
    if (newest !== undefined) refuseElsewhere(await readRun(newest), place);
    return order;
  }
  // A fresh version must be new here as well as there.
  const last = (await versionsOf(home.folder, order.id)).at(-1);
  if (last === undefined) return order;
  return { ...order, leastVersion: Number(basename(last).slice(order.id.length + 1) || 1) + 1 };
}

/** Runs at once share the cores of the machine that they run on, unless somebody said otherwise. */
function withThreads(order: Order, cores: number, jobs: number): Order {
  if (order.request.threads !== allThreads) return order;
  return { ...order, request: { ...order.request, threads: Math.max(1, Math.floor(cores / jobs)) } };
}

async function askForRuns(
  connection: Connection,
  home: Home,
  orders: readonly Order[],
  asking: { token: string; placement: PlacementChoice } & OrderOptions,
): Promise<{ started: Started[] }> {
  const { token, placement, jobs, progress } = asking;
  const sent = await sendData(connection, home, orders, progress);
  return connection.value('start', { orders: sent, token, placement, ...(jobs !== undefined && { jobs }) });
}

/** Makes the run directories here of runs that the host has, and says what was heard of them. */
async function takeIn(
  home: Home,
  place: PlaceRecord,
  orders: readonly Order[],
  started: readonly Started[],
): Promise<Placed[]> {
  // The order of runs here is that of this machine's clock; the host's may show another time.
  const asked = Date.now();
  const idOf = new Map(started.map(({ order, run }) => [order, run.id]));
  const placed: Placed[] = [];
  for (const [i, { order: orderId, outcome, run: status }] of started.entries()) {
    const order = orders.find(({ id }) => id === orderId)!;
    const folder = join(home.runs, status.id);
    const parent = order.parent === undefined ? undefined : (idOf.get(order.parent) ?? order.parent);
    const { sources } = order.request;
    const request = {
      ...order.request,
      ...(parent !== undefined && { parent, sources: { ...sources, parent: join(home.runs, parent) } }),
      attempt: 0,
      stages: allStages(order.spec),
      asked,
      order: i,
    };
    await createRun(home, status.id, { spec: order.spec, place, request });
    refuseElsewhere(await readRun(folder), place);
    await follow(folder, status);
    placed.push({ order: orderId, run: await readRun(folder), outcome });
  }
  return placed;
}

/** Has the mirror follow a run (again). An ended run too: its files are to be complete here. */
async function follow(folder: string, status: RunStatus): Promise<void> {
  const before = await readMirror(folder);
  const { created, attempts, state } = status;
  const reason = printable(status.reason);
  const same = before?.created === created && before.attempts === attempts && before.state === state;
  if (before?.complete && same && states[state].ended) return;
  // Whether it has ended is said here once its files are.
  const shown = states[state].ended ? 'running' : state;
  await writeMirror(folder, {
    created: before?.created ?? created,
    attempts,
    state: shown,
    ...(reason !== undefined && shown === state && { reason }),
    heard: Date.now(),
    complete: false,
  });
}

/** The run once the mirror has what the host said; what the host said where the mirror takes long. */
async function settled(run: Run, status: RunStatus): Promise<Run> {
  for (const limit = Date.now() + settleLimit; Date.now() < limit; await pause(100)) {
    const now = await readRun(run.folder);
    if (now.attempts >= status.attempts && (now.state === status.state || !states[status.state].ended)) return now;
  }
  const { state, reason } = status;
  return { ...(await readRun(run.folder)), state, ...(reason !== undefined && { reason }) };
}

/** Brings a folder of a run: each file from where an earlier try stopped, held against its hash, all in place at once. */
async function fetchFolder(
  connection: Connection,
  run: Run,
  folder: 'model' | 'start' | 'checkpoint',
  progress: Progress,
): Promise<string> {
  const { files } = await connection.value('files', { run: run.id, folder });
  const place = join(run.folder, layout[folder]);
  if (files.length === 0) {
    fail('file-missing', `${run.id} has no ${folder}.`, {
      place,
      remedy: 'It appears when the run has come so far.',
    });
  }
  const parts = `${place}.part`;
  for (const { name, size, sha256 } of files) {
    if (!isFetchable(name)) fail('invalid-name', `${JSON.stringify(name)} cannot be the name of a file of a run.`);
    const path = join(parts, name.slice(folder.length + 1));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await getFile(connection, run.id, { name, size }, path, progress);
    if ((await sha256File(path)) === sha256) continue;
    // It may have changed there while it was read; what is here is of no use.
    await rm(path, { force: true });
    throw new Failure({
      code: 'host-mismatch',
      message: `${name} of ${run.id} came otherwise than it is there.`,
      remedy: 'Try again.',
    });
  }
  await pointAtOwnBase(parts, run);
  await rm(place, { recursive: true, force: true });
  await rename(parts, place);
  return place;
}

async function getFile(
  connection: Connection,
  run: string,
  { name, size }: { name: string; size: number },
  path: string,
  progress: Progress,
): Promise<void> {
  const handle = await open(path, 'a', 0o600);
  try {
    let at = (await stat(path)).size;
    if (at > size) {
      await handle.truncate(0);
      at = 0;
    }
    let work = Promise.resolve();
    const asked = connection.ask('get', { run, name, offset: at }, (_part, payload) => {
      // The payload is a view of what was read; it is written before more of it is needed.
      const bytes = Buffer.from(payload);
      work = work.then(async () => {
        await handle.appendFile(bytes);
        at += bytes.length;
        progress.report(`fetching ${basename(name)}`, at, size);
      });
      work.catch(() => asked.stop());
    });
    // What came before a cut is kept: the next try goes on behind it.
    await asked.reply.finally(() => work);
  } finally {
    await handle.close();
  }
}

/** A model, or what training started from, lies over its base, which is elsewhere on this machine than there. */
async function pointAtOwnBase(folder: string, run: Run): Promise<void> {
  const file = join(folder, overlayName);
  const record = await readJson<{ base: { folder: string } }>(file).catch(() => undefined);
  if (!record) return;
  const source = run.request.sources.model;
  const opened = await attempt(() => openModel(source));
  // A run that starts from a run's model lies over that one's base.
  const base = opened.ok ? (opened.value.base?.folder ?? opened.value.folder) : source;
  await writeJsonAtomic(file, { ...record, base: { ...record.base, folder: base } });
}
