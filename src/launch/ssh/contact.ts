import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { Failure, fail } from '../../base/problem.ts';
import { type Channel, type ChannelEnd, channelOf } from '../channel.ts';
import type { HostSettings, Settings } from '../settings.ts';
import { channelArguments } from './command.ts';
import { checkShared, controlPath, effectiveConfig, endShared } from './control.ts';
import { sshProblem } from './failures.ts';
import { MarkedLines } from './lines.ts';
import { scriptInput } from './script.ts';

/** A host that was reached but says nothing for so long has no shell that works. */
const answerLimit = 60_000;
/** A shared connection answers at once, or its link is dead. */
const sharedLimit = 8_000;

export interface ContactOptions {
  host: string;
  settings: Settings;
  /** The environment in which ssh finds who answers its questions; undefined: nobody is to be asked. */
  askpass?: { env: Record<string, string>; waiting: () => boolean; limitMs?: number };
  /** Bundle that is expected to be there. */
  want?: string;
  /** More of the script, such as what `probe` does. */
  script?: string;
  signal?: AbortSignal;
}

/** A shell on a host that runs the script, and has said its first word. */
export interface Contact {
  channel: Channel;
  lines: MarkedLines;
  /** `ready`, `facts` or `host`. */
  first: string[];
  /** Whether the connection was shared with one that was there. */
  shared: boolean;
}

/**
 * Reaches a host: over the connection that is there already, else over a new one that later calls share. A shared one that
 * does not answer is dropped for a new one. Fails with the codes of `sshProblem`, and `host-silent`.
 */
export async function reach(options: ContactOptions): Promise<Contact> {
  const { host, settings } = options;
  const path = await controlPath();
  if (path !== undefined && (await checkShared(host, settings.ssh, path))) {
    const contact = await open(options, path, true);
    if (contact) return contact;
    await endShared(host, settings.ssh, path);
  }
  return (await open(options, path, false))!;
}

async function open(options: ContactOptions, path: string | undefined, shared: boolean): Promise<Contact | undefined> {
  const { host, settings, askpass, signal } = options;
  const batch = askpass === undefined || shared;
  const strict = !batch && (await wantsNoQuestion(host, settings));
  const args = channelArguments(host, settings.ssh, { controlPath: path, batch, strict });
  const child = execa(settings.ssh?.program ?? 'ssh', args, {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    reject: false,
    // A group of its own: Ctrl-C in a terminal detaches from the runs, it does not cut the line to them.
    detached: process.platform !== 'win32',
    windowsHide: true,
    ...(batch ? {} : { env: askpass.env }),
  });
  const channel = channelOf(child);
  const mark = `strata-${randomBytes(8).toString('hex')}`;
  const { folder, node, setup }: HostSettings = settings.hosts?.[host] ?? {};
  const values = { mark, root: folder, node, setup, want: options.want };
  channel.input.write(scriptInput(values, options.script));
  const lines = new MarkedLines(channel.output, mark);
  const abort = () => channel.kill();
  signal?.addEventListener('abort', abort, { once: true });
  const watch = guard(
    channel,
    shared ? sharedLimit : (askpass?.limitMs ?? answerLimit),
    () => askpass?.waiting() ?? false,
  );
  try {
    const first = await lines.next();
    if (first) return { channel, lines, first, shared };
    if (shared) {
      channel.kill();
      return undefined;
    }
    return await explain(host, channel, watch.expired(), signal);
  } finally {
    watch.stop();
    signal?.removeEventListener('abort', abort);
  }
}

/** Kills a channel that says nothing, however long people take to answer. */
function guard(channel: Channel, limit: number, asking: () => boolean): { stop(): void; expired(): boolean } {
  let left = limit;
  let expired = false;
  const timer = setInterval(() => {
    if (!asking()) left -= 1000;
    if (left > 0) return;
    expired = true;
    channel.kill();
  }, 1000);
  return { stop: () => clearInterval(timer), expired: () => expired };
}

/** Fails with what stands behind an end without a word. */
async function explain(host: string, channel: Channel, expired: boolean, signal?: AbortSignal): Promise<never> {
  // A shell whose profile makes nothing but noise is still there.
  const end: ChannelEnd | undefined = await Promise.race([
    channel.ended,
    new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 2000)),
  ]);
  channel.kill();
  if (signal?.aborted) fail('host-cut', `The connection to ${host} was given up.`);
  if (expired || end === undefined || end.code === 0) {
    fail('host-silent', `${host} can be reached, but no shell answers there.`, {
      remedy: `Check that ssh ${host} /bin/sh -c true works: a profile that starts another program may stand in between.`,
    });
  }
  throw new Failure(sshProblem(host, end.said, end.code));
}

/** `StrictHostKeyChecking yes` in the user's configuration: unknown keys are refused, not asked about. */
async function wantsNoQuestion(host: string, settings: Settings): Promise<boolean> {
  const config = await effectiveConfig(host, settings.ssh);
  return /^(yes|true)$/.test(config.get('stricthostkeychecking')?.[0] ?? '');
}
