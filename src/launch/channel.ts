import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** What is known of why a channel ended. An exit code of ssh proves nothing by itself: 255 may be the remote program's own. */
export interface ChannelEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The end of what was said on stderr (at most 4 KiB), for the reason. */
  said: string;
}

/** A duplex byte channel to one agent process. Its owner kills it. */
export interface Channel {
  /** To the agent's stdin. */
  readonly input: Writable;
  /** From the agent's stdout; a login shell may have printed into it before the agent's first frame. */
  readonly output: Readable;
  /** Resolves once the channel has ended, whichever side ended it. Never rejects. */
  readonly ended: Promise<ChannelEnd>;
  /** Ends it at once, whatever is under way. */
  kill(): void;
}

const saidLimit = 4096;

/** The channel of a child process with three pipes: an `ssh` that runs the agent, or the agent itself. */
export function channelOf(child: ChildProcess): Channel {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-saidLimit);
  });
  // A peer that went away is told by the end of the channel, not by each write.
  child.stdin!.on('error', () => {});
  child.stdout!.on('error', () => {});
  const ended = new Promise<ChannelEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, said: said.trim() }));
    child.once('error', (error) => resolve({ code: null, signal: null, said: error.message }));
  });
  return { input: child.stdin!, output: child.stdout!, ended, kill: () => void child.kill('SIGKILL') };
}
