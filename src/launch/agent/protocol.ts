import type { Problem } from '../../base/problem.ts';
import type { RunState } from '../../record/types.ts';
import type { Order, Outcome } from '../place.ts';
import type { SlurmOptions } from '../slurm/options.ts';

/*
 * What a client and the agent of a host say to each other, over one duplex byte channel (`../channel.ts`). The agent is
 * started with a constant command line (`NODE agent.mjs`); everything else travels in frames (`wire.ts`), so that no name,
 * path or value ever meets a shell.
 *
 *   agent   → hello                        as soon as it lives; whatever a login shell printed before it is passed over
 *   client  → greet                        which folder, which lease
 *   agent   → reply to `greet`             or a problem, after which it ends
 *   client  → ask {id, command, body}      any number at the same time
 *   client  → more {id, body} + payload    what belongs to an `ask` that goes on: bytes of `put`, changes of a `stream`
 *   client  → stop {id}                    an `ask` that goes on ends and is answered
 *   agent   → part {id, body} + payload    any number
 *   agent   → reply {id, value | problem}  exactly one an `ask`
 *   both    → beat                         every `beatEvery` ms, so that silence means a dead link
 *
 * The agent ends when its input ends, or when nothing was heard for its lease: a link that dies silently leaves no helper
 * behind. What it started lives on; truth is in the files of the run directories there.
 */

/** Raised when a client and an agent of different versions can no longer talk. */
export const protocolVersion = 1;
/** Milliseconds between two signs of life, both ways. */
export const beatEvery = 2_000;
/** An agent that heard nothing for so long ends. */
export const defaultLease = 15_000;
/** A client that heard nothing for so long drops the channel and tries again. */
export const silenceLimit = 8_000;
/** Most bytes of a payload: small enough that signs of life pass on a slow link (64 KiB at 400 kbit/s take 1.3 s). */
export const payloadLimit = 64 * 1024;

/** First frame of an agent. */
export interface Hello {
  type: 'hello';
  protocol: number;
  /** Version of the program. */
  version: string;
  node: string;
  platform: string;
  arch: string;
  /** Name of the machine: an alias may lead to another one each time. */
  hostname: string;
  boot: string;
  pid: number;
  /** Processors that it may use. */
  cores: number;
}

export interface Greet {
  type: 'greet';
  protocol: number;
  /** Folder with runs and data on the host, absolute or beginning with `~/`; by default `~/.local/share/strata`. */
  root?: string;
  leaseMs: number;
}

export interface Welcome {
  /** The folder that is used, absolute. */
  root: string;
}

/** How waiting runs of a host get started: by its dispatcher, or by its Slurm. A row of `../placement.ts` each. */
export type PlacementChoice = { kind: 'local' } | { kind: 'slurm'; options: SlurmOptions };

export interface StartBody {
  orders: Order[];
  /**
   * Chosen once by whoever wants the runs: an answer that was lost is asked for again with the same token, and then finds the
   * runs and attempts that the first asking made.
   */
  token: string;
  placement: PlacementChoice;
  /** How many runs may run at once. */
  jobs?: number;
}

/** One order as the host answers it. */
export interface Started {
  order: string;
  outcome: Outcome;
  run: RunStatus;
}

/** A run as its host knows it, derived from its files when it is asked for. */
export interface RunStatus {
  id: string;
  /** When the run directory was asked for first, milliseconds on the host's clock: names this incarnation of it. */
  created: number;
  attempts: number;
  state: RunState;
  reason?: string;
  /** Its own words for what it is, so that a client that never saw it can list it. */
  experiment: string;
  arm: string;
  seed?: number;
  /** Optimizer steps that are done, of how many. */
  step?: number;
  steps?: number;
}

/** What a client has of a run: the next bytes it wants of files that grow, the contents it has of files that are replaced. */
export interface MirrorCursor {
  /** Chosen by the client for each asking for a run: parts of an earlier asking that are still on their way are known by it. */
  asked: number;
  created: number;
  /** Bytes by name. */
  appended: Record<string, number>;
  /** sha256 by name. */
  replaced: Record<string, string>;
}

export type StreamChange = { follow: Record<string, MirrorCursor> } | { drop: string[] };

/** What a stream says of a run. Its state comes after every byte that was there when the state was derived. */
export type StreamPart = { run: string; asked: number } & StreamNews;
export type StreamNews =
  /** Bytes of a file that only grows, at an offset. Records are never cut. */
  | { kind: 'appended'; name: string; offset: number }
  /** The host's file is shorter than what the client has: the client begins it again. */
  | { kind: 'shrunk'; name: string; size: number }
  /** Bytes of a file that is replaced as a whole; `last` ends it. */
  | { kind: 'replaced'; name: string; offset: number; size: number; sha256: string; last: boolean }
  | { kind: 'state'; status: RunStatus }
  /** The run has ended and every byte was sent: sha256 of every file, for the client to hold its own against. */
  | { kind: 'complete'; status: RunStatus; files: Record<string, { size: number; sha256: string }> }
  /** No such run is there, or another incarnation of it is. */
  | { kind: 'gone'; created?: number };

/** A file that can be fetched. `name` is relative to the run directory, with `/`. */
export interface FileFacts {
  name: string;
  size: number;
  sha256: string;
}

/** Content that a run reads, by the sha256 of its bytes. */
export interface Blob {
  sha256: string;
  size: number;
}

/** A folder of blobs under the names that its readers need: relative, with `/`, without `..`. Its own name is a hash of it. */
export interface Tree {
  files: { name: string; sha256: string }[];
}

/**
 * Everything that can be asked of an agent. `value` answers; `part` may come before it (with a payload where said);
 * `more` may follow the ask (likewise).
 */
export interface Commands {
  /** Makes orders runs or finds them, and sees that they get started. Exactly once a token, however often it is asked. */
  start: { body: StartBody; value: { started: Started[] } };
  /** A further attempt of an ended run, as it was asked for before. Exactly once a token. */
  resume: { body: { run: string; token: string; placement: PlacementChoice }; value: Started };
  status: { body: { runs: string[] }; value: { runs: RunStatus[]; missing: string[] } };
  list: { body: Record<string, never>; value: { runs: RunStatus[]; damaged: string[] } };
  /** Ends the newest attempt; answers once it has ended. */
  cancel: { body: { run: string; graceMs?: number }; value: RunStatus };
  /** Follows runs until it is stopped. Payload: the bytes. */
  stream: { body: { follow: Record<string, MirrorCursor> }; more: StreamChange; part: StreamPart; value: null };
  /** Files under a folder of a run directory (`model`, `checkpoint`), with their hashes. */
  files: { body: { run: string; folder: string }; value: { files: FileFacts[] } };
  /** Bytes of a file of a run directory from an offset on. Payload: the bytes. */
  get: {
    body: { run: string; name: string; offset: number };
    part: { offset: number };
    value: { size: number };
  };
  /** Which of these blobs are there whole, and how many bytes of the others. Fails where there is no room for the rest. */
  stat: { body: { blobs: Blob[] }; value: { have: Record<string, number | 'whole'>; freeBytes: number } };
  /** Takes a blob from an offset on. `more`: payload; an empty one ends it. Answers once the hash is verified. */
  put: { body: Blob & { offset: number }; more: Record<string, never>; value: null };
  /** Makes a folder of blobs that are there; answers its absolute path. */
  link: { body: Tree; value: { folder: string } };
}
export type CommandName = keyof Commands;

export type Ask = {
  [K in CommandName]: { type: 'ask'; id: number; command: K; body: Commands[K]['body'] };
}[CommandName];

/** Frames from a client. */
export type ClientFrame =
  | Greet
  | Ask
  | { type: 'more'; id: number; body: object }
  | { type: 'stop'; id: number }
  | { type: 'beat' };

/** Frames from an agent. The reply to `greet` has the id 0. */
export type AgentFrame =
  | Hello
  | { type: 'part'; id: number; body: object }
  | { type: 'reply'; id: number; value: unknown }
  | { type: 'reply'; id: number; problem: Problem }
  | { type: 'beat' };
