import type { Channel } from './channel.ts';

/**
 * A machine that an agent can be reached on. `ssh/` makes one of an alias; `remote/pipe.ts` makes one of this machine. What
 * is run there, and how, is not its affair: see `Placement`.
 */
export interface Host {
  /** As the user writes it: `gpu-box`. */
  readonly name: string;
  /** Folder with runs and data there, where the user chose one. */
  readonly root?: string;
  /** How long silence is borne, milliseconds: here before the channel is dropped, there before the agent ends. */
  readonly patience?: { hereMs: number; thereMs: number };
  /**
   * Opens a channel to a new agent process. The bundle (agent.mjs, strata.mjs, onnxruntime, node where the host has none) is in
   * place when it resolves. Fails with a `Failure`; those of `finalContact` are not tried again.
   */
  connect(options: ConnectOptions): Promise<Channel>;
  /** Gives back what connections share (an ssh master). Runs are not touched. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Whether a person is there to be asked (host key, passphrase, second factor). */
  interactive: boolean;
  /** Gives up. */
  signal?: AbortSignal;
}

/**
 * Problems of contact that asking again cannot mend, and that are dangerous or useless to repeat. Every other failure to reach
 * a host, or to get an answer, means "not known": ask again with the same token.
 */
export const finalContact: ReadonlySet<string> = new Set([
  'host-key-unknown',
  'host-key-changed',
  'host-denied',
  'host-unknown',
  'host-configuration',
  'host-unsuitable',
  'host-protocol',
]);
