import { availableParallelism, homedir, hostname } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { privateFolder } from '../../base/files.ts';
import { fail, type Problem, toProblem } from '../../base/problem.ts';
import { version } from '../../base/version.ts';
import { home } from '../../record/layout.ts';
import { platform } from '../../record/platform.ts';
import type { Placement } from '../placement.ts';
import { type Program, pause } from '../program.ts';
import { type AgentContext, type Call, commands } from './commands.ts';
import {
  type Ask,
  beatEvery,
  type ClientFrame,
  type CommandName,
  defaultLease,
  type Greet,
  type Hello,
  type PlacementChoice,
  protocolVersion,
} from './protocol.ts';
import { Store } from './store.ts';
import { BrokenFrame, type Framed, FrameReader, FrameWriter, readFrames } from './wire.ts';

export interface AgentOptions {
  /** The worker's command line. */
  worker: Program;
  placement(choice: PlacementChoice): Placement;
}

/** Why an agent ends. */
export type AgentEnd = 'closed' | 'silent' | 'broken';

/** A thing that came for an asking under way, and who waits for it. */
class Inbox {
  readonly #items: { body: object; payload: Buffer }[] = [];
  #wake: (() => void) | undefined;
  #roomy: (() => void) | undefined;
  #least = 0;
  readonly controller = new AbortController();

  put(item: { body: object; payload: Buffer }): void {
    this.#items.push(item);
    this.#wake?.();
  }
  stop(): void {
    this.controller.abort();
    this.#wake?.();
    this.#roomy?.();
  }
  get size(): number {
    return this.#items.length;
  }
  async take(): Promise<{ body: object; payload: Buffer } | undefined> {
    while (this.#items.length === 0 && !this.controller.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const item = this.#items.shift();
    if (this.#items.length <= this.#least) this.#roomy?.();
    return item;
  }
  /** Resolves once at most so many wait, or it is stopped. */
  room(least: number): Promise<void> {
    this.#least = least;
    return new Promise((resolve) => {
      this.#roomy = resolve;
      if (this.controller.signal.aborted) resolve();
    });
  }
}

/** Payloads that may wait in memory for a slow disk before the input is left unread. */
const inboxLimit = 64;
/** Milliseconds that work under way has once the channel has ended. */
const lastWork = 4_000;

/**
 * Answers one client until its channel ends, breaks, or falls silent for the lease. Nothing that was started ends with it.
 */
export async function serveAgent(input: Readable, output: Writable, options: AgentOptions): Promise<AgentEnd> {
  const writer = new FrameWriter(output);
  const reader = new FrameReader();
  const calls = new Map<number, Inbox>();
  let context: AgentContext | undefined;
  let lease = defaultLease;
  let heardAt = performance.now();
  let blocked = false;
  const working = new Set<Promise<void>>();
  let finish: (end: AgentEnd) => void = () => {};
  const over = new Promise<AgentEnd>((resolve) => {
    finish = resolve;
  });
  output.on('error', () => finish('closed'));

  const reply = (id: number, answer: { value: unknown } | { problem: Problem }) =>
    writer.send({ type: 'reply', id, ...answer });

  async function greet(frame: Greet): Promise<void> {
    try {
      if (frame.protocol !== protocolVersion) {
        fail('host-protocol', `The agent speaks version ${protocolVersion}, the client ${frame.protocol}.`, {
          remedy: 'Use the same version of Strata on both sides.',
        });
      }
      lease = frame.leaseMs;
      const root = rootOf(frame.root);
      await privateFolder(root);
      context = { home: home(root), store: new Store(root), worker: options.worker, placement: options.placement };
      await reply(0, { value: { root } });
    } catch (error) {
      await reply(0, { problem: asProblem(error) });
      finish('closed');
    }
  }

  async function answer(frame: Ask): Promise<void> {
    const inbox = new Inbox();
    calls.set(frame.id, inbox);
    const call = {
      part: (body: object, payload?: Uint8Array) => writer.send({ type: 'part', id: frame.id, body }, payload),
      more: () => inbox.take(),
      pending: () => inbox.size > 0,
      stopped: inbox.controller.signal,
    } as unknown as Call<CommandName>;
    try {
      const handler = commands[frame.command] as ((typeof commands)[CommandName] & CallableFunction) | undefined;
      if (!context) fail('host-protocol', 'Something was asked before the greeting.');
      if (!handler) fail('host-protocol', `This agent has no command ${JSON.stringify(frame.command)}.`);
      const value = await (handler as (c: AgentContext, b: object, call: unknown) => Promise<unknown>)(
        context!,
        frame.body,
        call,
      );
      await reply(frame.id, { value });
    } catch (error) {
      await reply(frame.id, { problem: asProblem(error) });
    } finally {
      inbox.stop();
      calls.delete(frame.id);
    }
  }

  /** A promise where the disk is slower than the channel: nothing more is read until it resolves. */
  const take = ({ head, payload }: Framed): Promise<void> | undefined => {
    const frame = head as unknown as ClientFrame;
    if (frame.type === 'greet') void greet(frame);
    else if (frame.type === 'ask') {
      const work = answer(frame).finally(() => working.delete(work));
      working.add(work);
    } else if (frame.type === 'stop') calls.get(frame.id)?.stop();
    else if (frame.type === 'more') {
      const inbox = calls.get(frame.id);
      inbox?.put({ body: frame.body, payload });
      if (inbox && inbox.size >= inboxLimit) {
        blocked = true;
        return inbox.room(inboxLimit / 2).then(() => {
          blocked = false;
          heardAt = performance.now();
        });
      }
    }
    return undefined;
  };

  const watch = setInterval(() => {
    if (!blocked && performance.now() - heardAt > lease) finish('silent');
  }, 500);
  const beat = setInterval(() => void writer.send({ type: 'beat' }), beatEvery);
  void writer.send(hello());
  readFrames(input, reader, take, () => {
    heardAt = performance.now();
  }).then(
    () => finish('closed'),
    (error: unknown) => finish(error instanceof BrokenFrame ? 'broken' : 'closed'),
  );
  try {
    return await over;
  } finally {
    clearInterval(watch);
    clearInterval(beat);
    for (const inbox of calls.values()) inbox.stop();
    input.destroy();
    // A start or a cancel that was understood is carried out, also when nobody hears the answer.
    await Promise.race([Promise.all(working), pause(lastWork)]);
    output.destroy();
  }
}

function hello(): Hello {
  return {
    type: 'hello',
    protocol: protocolVersion,
    version,
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    hostname: hostname(),
    boot: platform.boot(),
    pid: process.pid,
    cores: availableParallelism(),
  };
}

/** The folder with runs and data of this machine. */
export function rootOf(written: string | undefined): string {
  if (written === undefined) {
    const data = process.env['XDG_DATA_HOME'];
    return join(data && isAbsolute(data) ? data : join(homedir(), '.local', 'share'), 'strata');
  }
  const path = written === '~' || written.startsWith('~/') ? join(homedir(), written.slice(1)) : written;
  if (!isAbsolute(path)) fail('invalid-root', `${JSON.stringify(written)} is no absolute path.`);
  return path;
}

/** Everything that goes wrong is told to the client; a defect as one. */
function asProblem(error: unknown): Problem {
  return (
    toProblem(error) ?? {
      code: 'defect',
      message: `A defect in the agent: ${error instanceof Error ? error.message : String(error)}.`,
    }
  );
}
