import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createOnce, privateFolder } from '../base/files.ts';
import { attempt, fail } from '../base/problem.ts';
import { createAttempt, createRun } from '../record/create.ts';
import { newestOf, runFolders, versionsOf } from '../record/find.ts';
import { type Home, layout } from '../record/layout.ts';
import { readRun } from '../record/read.ts';
import { countAttempts, readRecord } from '../record/snapshot.ts';
import { states } from '../record/state.ts';
import type { PlaceRecord, Run, RunRequest } from '../record/types.ts';
import { allStages, missingStages } from './missing.ts';
import { type Order, type Outcome, type Placed, placeName } from './place.ts';

/** Others may create the same run or attempt at the same moment; then what they made is looked at again. */
const tries = 20;

/**
 * Makes each order a run in `home`, or finds the run that it is. Runs on the machine where the runs live.
 * The same order from many processes at once leads to one run directory and one attempt.
 */
export async function placeOrders(
  home: Home,
  place: PlaceRecord,
  orders: readonly Order[],
  asking: Asking = {},
): Promise<Placed[]> {
  const asked = await nextAsking(home);
  const placed: Placed[] = [];
  const runOf = new Map<string, string>();
  for (const [i, order] of orders.entries()) {
    const parent = order.parent === undefined ? undefined : await parentOf(home, order.parent, runOf);
    const request = {
      ...order.request,
      ...(parent !== undefined && {
        parent: basename(parent),
        sources: { ...order.request.sources, parent },
      }),
      ...asking,
      asked,
      order: i,
    };
    const one = order.fresh
      ? await createFresh(home, place, order, request)
      : await findOrCreate(home, place, order, request);
    runOf.set(order.id, one.run.folder);
    placed.push(one);
  }
  return placed;
}

/** Now, but later than everything that was asked for here: the order of runs holds when the clock is set back. */
async function nextAsking(home: Home): Promise<number> {
  const before = await Promise.all((await runFolders(home.folder)).map(lastAsked));
  return Math.max(Date.now(), ...before.map((time) => time + 1));
}

/** When the run's newest attempt was asked for; 0 of a directory that cannot be read. */
async function lastAsked(folder: string): Promise<number> {
  const read = await attempt(async () =>
    readRecord<RunRequest>(folder, layout.request((await countAttempts(folder)) - 1)),
  );
  return read.ok ? (read.value?.asked ?? 0) : 0;
}

type OpenRequest = Omit<RunRequest, 'attempt' | 'stages'>;

/** The parent's run directory: what this list made of it, else the newest version there is. */
async function parentOf(home: Home, id: string, runOf: ReadonlyMap<string, string>): Promise<string> {
  return runOf.get(id) ?? (await newestOf(home.folder, id)) ?? join(home.runs, id);
}

async function createFresh(home: Home, place: PlaceRecord, order: Order, request: OpenRequest): Promise<Placed> {
  for (let k = 0; k < tries; k++) {
    const id = await reserve(home, order, request.token, k);
    const parts = { spec: order.spec, place, request: { ...request, attempt: 0, stages: allStages(order.spec) } };
    const folder = join(home.runs, id);
    if (await createRun(home, id, parts)) return { order: order.id, run: await readRun(folder), outcome: 'started' };
    const there = await readRun(folder);
    if (request.token !== undefined && (await askedBefore(there, request.token))) {
      return { order: order.id, run: there, outcome: 'already' };
    }
  }
  throw new Error(`no fresh version of ${order.id} could be made`);
}

/** The next free version. Of askings with one token, all get the same one, at once or later. */
async function reserve(home: Home, order: Order, token: string | undefined, k: number): Promise<string> {
  const versions = await versionsOf(home.folder, order.id);
  const last = versions.at(-1);
  const next = last === undefined ? 1 : Number(basename(last).slice(order.id.length + 1) || 1) + 1;
  const number = Math.max(next, order.leastVersion ?? 1);
  const id = number === 1 ? order.id : `${order.id}-${number}`;
  if (token === undefined) return id;
  const folder = await privateFolder(join(home.folder, 'tokens'));
  const file = join(folder, `${token}.${order.id}.${k}`);
  return (await createOnce(file, id)) ? id : await readFile(file, 'utf8');
}

/** Whether one of the run's attempts was made by an asking with this token. */
async function askedBefore(run: Run, token: string): Promise<boolean> {
  for (let n = 0; n < run.attempts; n++) {
    if ((await readRecord<RunRequest>(run.folder, layout.request(n)))?.token === token) return true;
  }
  return false;
}

async function findOrCreate(home: Home, place: PlaceRecord, order: Order, request: OpenRequest): Promise<Placed> {
  for (let k = 0; k < tries; k++) {
    const folder = await newestOf(home.folder, order.id);
    if (folder === undefined) {
      const parts = { spec: order.spec, place, request: { ...request, attempt: 0, stages: allStages(order.spec) } };
      if (!(await createRun(home, order.id, parts))) continue;
      return { order: order.id, run: await readRun(join(home.runs, order.id)), outcome: 'started' };
    }
    const run = await readRun(folder);
    refuseElsewhere(run, place);
    refuseOther(run, order);
    const outcome = await goOn(run, request);
    if (outcome) return { order: order.id, run: await readRun(folder), outcome };
  }
  throw new Error(`${order.id} could be neither found nor made`);
}

/** Fails with `usage-place` if the run lives elsewhere. */
export function refuseElsewhere(run: Run, place: PlaceRecord): void {
  const lives = placeName(run.place);
  if (lives === placeName(place)) return;
  fail('usage-place', `${run.id} lives at ${lives} and cannot also run at ${placeName(place)}.`, {
    place: join(run.folder, 'place.json'),
    remedy: `Ask for a new version with --fresh, or cancel and remove it at ${lives} first.`,
  });
}

/** An id holds eight digits of a hash; two pieces of work that share them are told apart by all of it. */
function refuseOther(run: Run, order: Order): void {
  if (run.request.hash === order.request.hash) return;
  fail('run-id-conflict', `${run.id} is another piece of work that has the same id.`, {
    place: run.folder,
    remedy: 'Rename the arm or the experiment file, or remove that run.',
  });
}

/** A further attempt of a run that is there, if it needs one; undefined if somebody else asked for one just now. */
async function goOn(run: Run, request: OpenRequest): Promise<Outcome | undefined> {
  if (!states[run.state].ended) return 'already';
  if (request.token !== undefined && (await askedBefore(run, request.token))) return 'already';
  const stages = await missingStages(run.folder, run.spec, request.tasks);
  if (run.state === 'succeeded' && stages.length === 0) return 'finished';
  const first = (await readRecord<RunRequest>(run.folder, 'request.0.json'))!;
  // The numbers of a run that is resumed depend on the number of threads it began with.
  const decided = stages.includes('train') || stages.includes('analyze');
  const threads = decided ? first.threads : request.threads;
  if (!(await createAttempt(run.folder, { ...request, threads, attempt: run.attempts, stages }))) return undefined;
  return stages.length === 1 && stages[0] === 'evaluate' ? 'evaluating' : 'resumed';
}

/** What an asking may say of itself. */
export type Asking = Pick<RunRequest, 'token' | 'program' | 'slurm'>;

/** Asks for a further attempt of an ended run as it was asked for before. `finished` if nothing is missing. */
export async function resumeRun(run: Run, asking: Asking = {}): Promise<Outcome> {
  const { attempt: _attempt, stages: _stages, token: _token, ...request } = run.request;
  return (await goOn(run, { ...request, ...asking, asked: Date.now(), order: 0 })) ?? 'already';
}
