import { Failure, fail, type Problem } from '../../base/problem.ts';
import {
  type AgentFrame,
  beatEvery,
  type CommandName,
  type Commands,
  defaultLease,
  type Hello,
  protocolVersion,
  silenceLimit,
  type Welcome,
} from '../agent/protocol.ts';
import { type Framed, FrameReader, FrameWriter, readFrames } from '../agent/wire.ts';
import type { Channel } from '../channel.ts';
import type { ConnectOptions, Host } from '../host.ts';

type Part<K extends CommandName> = Commands[K] extends { part: infer P } ? P : never;
type More<K extends CommandName> = Commands[K] extends { more: infer M } ? M : never;

/** An asking that goes on. */
export interface Asked<K extends CommandName> {
  /** The value; rejects with the agent's problem, or with `host-lost` when the channel ends first. */
  reply: Promise<Commands[K]['value']>;
  /** Sends what belongs to it; waits where the host does not read. */
  more(body: More<K>, payload?: Uint8Array): Promise<void>;
  stop(): void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  part(body: object, payload: Buffer): void;
}

/** Milliseconds until an agent must have said hello: a slow login shell, a slow disk. */
const helloLimit = 30_000;

/** Contact was lost: what was asked may or may not have been done. Ask again with the same token. */
export function lost(name: string, why: string): Failure {
  return new Failure({
    code: 'host-lost',
    message: `The connection to ${name} was lost: ${why.replace(/\.$/, '')}.`,
    remedy: 'Runs go on there; try again when it can be reached.',
  });
}

/** A connection to one agent process of a host. Its owner closes it; runs are not touched by that. */
export class Connection {
  readonly hello: Hello;
  readonly root: string;
  /** Resolves when nothing more will come, with the reason. */
  readonly ended: Promise<Problem>;
  readonly #channel: Channel;
  readonly #writer: FrameWriter;
  readonly #pending: Map<number, Pending>;
  #next = 1;

  private constructor(parts: {
    hello: Hello;
    root: string;
    ended: Promise<Problem>;
    channel: Channel;
    writer: FrameWriter;
    pending: Map<number, Pending>;
  }) {
    this.hello = parts.hello;
    this.root = parts.root;
    this.ended = parts.ended;
    this.#channel = parts.channel;
    this.#writer = parts.writer;
    this.#pending = parts.pending;
  }

  /** Connects and greets. Fails with what `Host.connect` fails with, `host-lost`, `host-protocol`, or the agent's problem. */
  static async open(host: Host, options: ConnectOptions): Promise<Connection> {
    const channel = await host.connect(options);
    const { hereMs, thereMs } = host.patience ?? { hereMs: silenceLimit, thereMs: defaultLease };
    const writer = new FrameWriter(channel.input);
    const reader = new FrameReader();
    const pending = new Map<number, Pending>();
    let hello: Hello | undefined;
    let heardAt = performance.now();
    let silent = false;
    let broken: string | undefined;

    const watch = setInterval(() => {
      if (performance.now() - heardAt < (hello ? hereMs : helloLimit)) return;
      silent = true;
      channel.kill();
    }, 500);
    const beat = setInterval(() => void (hello && writer.send({ type: 'beat' })), beatEvery);

    let greeted: (hello: Hello) => void = () => {};
    const saidHello = new Promise<Hello>((resolve) => {
      greeted = resolve;
    });
    const take = ({ head, payload }: Framed): undefined => {
      const frame = head as unknown as AgentFrame;
      if (frame.type === 'hello') {
        hello = frame;
        greeted(frame);
      } else if (frame.type === 'part') pending.get(frame.id)?.part(frame.body, payload);
      else if (frame.type === 'reply') {
        const asked = pending.get(frame.id);
        pending.delete(frame.id);
        if ('problem' in frame) asked?.reject(new Failure(frame.problem));
        else asked?.resolve(frame.value);
      }
    };
    const read = readFrames(channel.output, reader, take, () => {
      heardAt = performance.now();
    }).catch((error: unknown) => {
      broken = error instanceof Error ? error.message : String(error);
      channel.kill();
    });
    const ended = Promise.all([channel.ended, read]).then(([end]): Problem => {
      clearInterval(watch);
      clearInterval(beat);
      const said = [reader.noise, end.said].filter(Boolean).join(' ').split('\n').slice(-3).join(' ').slice(-500);
      const how = silent
        ? `nothing was heard for ${(hello ? hereMs : helloLimit) / 1000} s`
        : (broken ?? (end.signal ? `ended by ${end.signal}` : `it ended${end.code ? ` with ${end.code}` : ''}`));
      const { problem } = lost(host.name, said ? `${how}: ${said}` : how);
      for (const asked of pending.values()) asked.reject(new Failure(problem));
      pending.clear();
      return problem;
    });
    const aborted = () => channel.kill();
    options.signal?.addEventListener('abort', aborted, { once: true });
    void ended.then(() => options.signal?.removeEventListener('abort', aborted));

    const first = await Promise.race([saidHello, ended]);
    if (!('protocol' in first)) throw new Failure(first);
    if (first.protocol !== protocolVersion) {
      channel.kill();
      fail(
        'host-protocol',
        `${host.name} has an agent of version ${first.version}, which this version cannot talk with.`,
        {
          remedy: 'Use the same version of Strata on both sides.',
        },
      );
    }
    const welcome = new Promise<unknown>((resolve, reject) => {
      pending.set(0, { resolve, reject, part() {} });
    });
    void writer.send({
      type: 'greet',
      protocol: protocolVersion,
      leaseMs: thereMs,
      ...(host.root !== undefined && { root: host.root }),
    });
    try {
      const { root } = (await welcome) as Welcome;
      return new Connection({ hello: first, root, ended, channel, writer, pending });
    } catch (error) {
      channel.kill();
      throw error;
    }
  }

  /** Asks and goes on listening: `part` is called for each part that comes before the reply. */
  ask<K extends CommandName>(
    command: K,
    body: Commands[K]['body'],
    part: (body: Part<K>, payload: Buffer) => void = () => {},
  ): Asked<K> {
    const id = this.#next++;
    const reply = new Promise<Commands[K]['value']>((resolve, reject) => {
      this.#pending.set(id, {
        resolve: resolve as (value: unknown) => void,
        reject,
        part: part as (body: object, payload: Buffer) => void,
      });
    });
    // Where the channel ended before, nobody would answer any more.
    void this.ended.then((problem) => {
      this.#pending.get(id)?.reject(new Failure(problem));
      this.#pending.delete(id);
    });
    reply.catch(() => {});
    void this.#writer.send({ type: 'ask', id, command, body });
    return {
      reply,
      more: (more, payload) => this.#writer.send({ type: 'more', id, body: more as object }, payload),
      stop: () => void this.#writer.send({ type: 'stop', id }),
    };
  }

  /** Asks for one value. */
  async value<K extends CommandName>(command: K, body: Commands[K]['body']): Promise<Commands[K]['value']> {
    return this.ask(command, body).reply;
  }

  /** Ends the connection; the agent ends with it. */
  async close(): Promise<void> {
    this.#channel.input.end();
    const timer = setTimeout(() => this.#channel.kill(), 3000);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#channel.kill();
  }
}
