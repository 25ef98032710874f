import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File } from '../../base/hash.ts';
import { attempt, fail } from '../../base/problem.ts';
import { runFolders, runsOf } from '../../record/find.ts';
import { type Home, runId } from '../../record/layout.ts';
import { readRun } from '../../record/read.ts';
import { states } from '../../record/state.ts';
import type { Run } from '../../record/types.ts';
import { isFetchable } from '../mirrored.ts';
import { placeOrders, resumeRun } from '../order.ts';
import type { Placement } from '../placement.ts';
import { type Program, pause } from '../program.ts';
import { collect } from './collect.ts';
import { Followed } from './follow.ts';
import {
  type CommandName,
  type Commands,
  type FileFacts,
  type MirrorCursor,
  type PlacementChoice,
  payloadLimit,
  type StreamPart,
} from './protocol.ts';
import { runStatus, statusOf, statusWithProgress } from './status.ts';
import type { Store } from './store.ts';

/** What the commands of one connection work with. */
export interface AgentContext {
  home: Home;
  store: Store;
  /** The worker's command line, recorded with each attempt. */
  worker: Program;
  placement(choice: PlacementChoice): Placement;
}

/** An asking under way. */
export interface Call<K extends CommandName> {
  /** Sends a part; waits where the client does not read. */
  part(body: Commands[K] extends { part: infer P } ? P : never, payload?: Uint8Array): Promise<void>;
  /** What the client sends after the ask, in order; ends with `undefined` when the asking is stopped. */
  more(): Promise<{ body: Commands[K] extends { more: infer M } ? M : never; payload: Buffer } | undefined>;
  /** Of what came and was not taken yet. */
  pending(): boolean;
  readonly stopped: AbortSignal;
}

type Handler<K extends CommandName> = (
  context: AgentContext,
  body: Commands[K]['body'],
  call: Call<K>,
) => Promise<Commands[K]['value']>;

const tokenPattern = /^[0-9a-f-]{8,64}$/;

function checkToken(token: string): void {
  if (!tokenPattern.test(token)) fail('invalid-token', 'A token is hexadecimal digits and dashes.');
}

/** The directory of a run. Its id is the only thing that comes from outside. */
function folderOf({ home }: AgentContext, id: string): string {
  if (!runId.test(id)) fail('invalid-run-id', `${JSON.stringify(id)} is no run id.`);
  return join(home.runs, id);
}

function placementOf(context: AgentContext, { place }: Pick<Run, 'place'>): Placement {
  return context.placement(place.kind === 'slurm' ? { kind: 'slurm', options: {} } : { kind: 'local' });
}

/** Milliseconds between two looks at the followed runs. */
const lookEvery = 200;
/** A dispatcher that was killed while runs wait is replaced after so many milliseconds. */
const wakeEvery = 10_000;

/** One row a command: all that an agent does. */
export const commands: { [K in CommandName]: Handler<K> } = {
  async start(context, { orders, token, placement: choice, jobs }) {
    checkToken(token);
    const placement = context.placement(choice);
    const asking = { token, program: [...context.worker] as [string, ...string[]], ...placement.asking };
    const placed = await placeOrders(context.home, { kind: placement.kind }, orders, asking);
    await placement.wake(context.home, jobs);
    await collect(context.home);
    const started = [];
    for (const { order, outcome, run } of placed) {
      started.push({ order, outcome, run: await runStatus(run.folder) });
    }
    return { started };
  },

  async resume(context, { run: id, token, placement: choice }) {
    checkToken(token);
    const folder = folderOf(context, id);
    const placement = context.placement(choice);
    const outcome = await resumeRun(await readRun(folder), {
      ...placement.asking,
      token,
      program: [...context.worker] as [string, ...string[]],
    });
    await placement.wake(context.home);
    return { order: id, outcome, run: await runStatus(folder) };
  },

  async status(context, { runs: ids }) {
    const runs = [];
    const missing: string[] = [];
    for (const id of ids) {
      const read = await attempt(() => readRun(folderOf(context, id)));
      if (read.ok) runs.push(await statusWithProgress(read.value));
      else missing.push(id);
    }
    return { runs, missing };
  },

  async list({ home }) {
    const { runs, damaged } = await runsOf(home.folder);
    const all = [];
    for (const run of runs) all.push(await statusWithProgress(run));
    return { runs: all, damaged };
  },

  async cancel(context, { run: id, graceMs }) {
    const run = await readRun(folderOf(context, id));
    return statusOf(await placementOf(context, run).cancel(run, graceMs));
  },

  async stream(context, { follow }, call) {
    const followed = new Map<string, Followed>();
    const add = (cursors: Record<string, MirrorCursor>) => {
      for (const [id, cursor] of Object.entries(cursors)) {
        followed.set(id, new Followed(folderOf(context, id), id, cursor));
      }
    };
    add(follow);
    const send = (part: StreamPart, payload?: Uint8Array) => call.part(part, payload);
    let wokenAt = performance.now();
    while (!call.stopped.aborted) {
      while (call.pending()) {
        const change = (await call.more())?.body;
        if (!change) break;
        if ('follow' in change) add(change.follow);
        else for (const id of change.drop) followed.delete(id);
      }
      let moved = false;
      let waiting = false;
      for (const [id, one] of followed) {
        if (call.stopped.aborted) break;
        const seen = await one.look(send);
        // It may have been asked for anew in the meantime.
        if (seen === 'over' && followed.get(id) === one) followed.delete(id);
        moved ||= seen === 'moved';
        waiting ||= seen === 'waiting';
      }
      if (followed.size > 0 && performance.now() - wokenAt > wakeEvery) {
        wokenAt = performance.now();
        await tend(context, waiting);
      }
      if (!moved) await pause(lookEvery);
    }
    return null;
  },

  async files(context, { run, folder }) {
    const root = folderOf(context, run);
    if (!isFetchable(`${folder}/x`)) fail('invalid-name', `${JSON.stringify(folder)} cannot be fetched.`);
    const files: FileFacts[] = [];
    for (const entry of await readdir(join(root, folder), { recursive: true }).catch(() => [] as string[])) {
      const name = `${folder}/${entry}`;
      const path = join(root, name);
      const info = await stat(path);
      if (info.isFile() && isFetchable(name)) files.push({ name, size: info.size, sha256: await sha256File(path) });
    }
    return { files };
  },

  async get(context, { run, name, offset }, call) {
    if (!isFetchable(name)) fail('invalid-name', `${JSON.stringify(name)} cannot be fetched.`);
    const handle = await open(join(folderOf(context, run), name), 'r');
    try {
      const { size } = await handle.stat();
      for (let at = offset; at < size && !call.stopped.aborted; ) {
        const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(payloadLimit), 0, payloadLimit, at);
        if (bytesRead === 0) break;
        await call.part({ offset: at }, buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
      return { size };
    } finally {
      await handle.close();
    }
  },

  stat: ({ store }, { blobs }) => store.stat(blobs),

  async put({ store }, body, call) {
    const receiver = await store.put(body);
    for (;;) {
      const next = await call.more();
      if (!next) {
        await receiver.abandon();
        return fail('data-cut', 'The transfer was stopped before its end.');
      }
      if (next.payload.length === 0) break;
      await receiver.write(next.payload);
    }
    await receiver.finish();
    return null;
  },

  link: async ({ store }, tree) => ({ folder: await store.link(tree) }),
};

/**
 * Sees that everything that waits gets started, by whoever is responsible for it, and that what only a scheduler can tell of
 * runs is told.
 */
async function tend(context: AgentContext, waiting: boolean): Promise<void> {
  const kinds = new Set<Run['place']['kind']>();
  for (const folder of await runFolders(context.home.folder)) {
    const read = await attempt(() => readRun(folder));
    if (!read.ok || states[read.value.state].ended) continue;
    const { place, state } = read.value;
    if (state === 'waiting' || place.kind === 'slurm') kinds.add(place.kind);
  }
  for (const kind of kinds) {
    const placement = placementOf(context, { place: { kind } as Run['place'] });
    // What does not answer now is asked again.
    await attempt(async () => placement.look?.(context.home));
    if (waiting) await attempt(() => placement.wake(context.home));
  }
}
