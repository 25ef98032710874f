import { basename, join } from 'node:path';
import { fail } from '../base/problem.ts';
import { createAttempt, createRun } from '../record/create.ts';
import { newestOf, versionsOf } from '../record/find.ts';
import type { Home } from '../record/layout.ts';
import { readRun } from '../record/read.ts';
import { readRecord } from '../record/snapshot.ts';
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
export async function placeOrders(home: Home, place: PlaceRecord, orders: readonly Order[]): Promise<Placed[]> {
  const asked = Date.now();
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

type OpenRequest = Omit<RunRequest, 'attempt' | 'stages'>;

/** The parent's run directory: what this list made of it, else the newest version there is. */
async function parentOf(home: Home, id: string, runOf: ReadonlyMap<string, string>): Promise<string> {
  return runOf.get(id) ?? (await newestOf(home.folder, id)) ?? join(home.runs, id);
}

async function createFresh(home: Home, place: PlaceRecord, order: Order, request: OpenRequest): Promise<Placed> {
  for (let k = 0; k < tries; k++) {
    const versions = await versionsOf(home.folder, order.id);
    const last = versions.at(-1);
    const number = last === undefined ? 1 : Number(basename(last).slice(order.id.length + 1) || 1) + 1;
    const id = number === 1 ? order.id : `${order.id}-${number}`;
    const parts = { spec: order.spec, place, request: { ...request, attempt: 0, stages: allStages(order.spec) } };
    if (await createRun(home, id, parts)) {
      return { order: order.id, run: await readRun(join(home.runs, id)), outcome: 'started' };
    }
  }
  throw new Error(`no fresh version of ${order.id} could be made`);
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
    await refuseElsewhere(run, place);
    const outcome = await goOn(run, request);
    if (outcome) return { order: order.id, run: await readRun(folder), outcome };
  }
  throw new Error(`${order.id} could be neither found nor made`);
}

async function refuseElsewhere(run: Run, place: PlaceRecord): Promise<void> {
  const lives = placeName(run.place);
  if (lives === placeName(place)) return;
  fail('usage-place', `${run.id} lives at ${lives} and cannot also run at ${placeName(place)}.`, {
    place: join(run.folder, 'place.json'),
    remedy: `Ask for a new version with --fresh, or cancel and remove it at ${lives} first.`,
  });
}

/** A further attempt of a run that is there, if it needs one; undefined if somebody else asked for one just now. */
async function goOn(run: Run, request: OpenRequest): Promise<Outcome | undefined> {
  if (!states[run.state].ended) return 'already';
  const stages = await missingStages(run.folder, run.spec, request.tasks);
  if (run.state === 'succeeded' && stages.length === 0) return 'finished';
  const first = (await readRecord<RunRequest>(run.folder, 'request.0.json'))!;
  // The numbers of a run that is resumed depend on the number of threads it began with.
  const decided = stages.includes('train') || stages.includes('analyze');
  const threads = decided ? first.threads : request.threads;
  if (!(await createAttempt(run.folder, { ...request, threads, attempt: run.attempts, stages }))) return undefined;
  return stages.length === 1 && stages[0] === 'evaluate' ? 'evaluating' : 'resumed';
}

/** Asks for a further attempt of an ended run as it was asked for before. `finished` if nothing is missing. */
export async function resumeRun(run: Run): Promise<Outcome> {
  const { attempt: _attempt, stages: _stages, ...request } = run.request;
  return (await goOn(run, { ...request, asked: Date.now(), order: 0 })) ?? 'already';
}
