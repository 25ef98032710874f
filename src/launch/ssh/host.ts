import { noProgress, type Progress } from '../../base/log.ts';
import { fail } from '../../base/problem.ts';
import type { Channel } from '../channel.ts';
import type { ConnectOptions, Host } from '../host.ts';
import { readSettings, type Settings } from '../settings.ts';
import { type Askpass, handedAskpass, serveAskpass } from './askpass.ts';
import { checkAlias } from './command.ts';
import { type Contact, type ContactOptions, reach } from './contact.ts';
import { type HostFacts, readFacts } from './facts.ts';
import { bundleBasis, install } from './install.ts';
import { knownHosts, rememberHost } from './memory.ts';
import type { Prompter } from './prompt.ts';

export interface SshTools {
  settings: Settings;
  /** Who answers ssh's questions, when nobody who started this program does. */
  ask?: Prompter;
  progress?: Progress;
  /** Folder of the programs that are sent; by default those of this installation. */
  dist?: string;
}

/** A machine behind an alias of the user's ssh configuration. Fails with `usage-host`. */
export function sshHost(alias: string, tools: SshTools): Host {
  checkAlias(alias);
  const root = tools.settings.hosts?.[alias]?.folder;
  return {
    name: alias,
    ...(root !== undefined && { root }),
    connect: (options) =>
      withAskpass(options.interactive, tools.ask, (askpass) => connect(alias, tools, options, askpass)),
    // The master ends by itself when nothing has used it for a while; other processes may be using it now.
    async close() {},
  };
}

/** `sshHost` with the user's settings. Fails with `invalid-settings`, `usage-host`. */
export async function openSshHost(alias: string, tools: Omit<SshTools, 'settings'> = {}): Promise<Host> {
  return sshHost(alias, { ...tools, settings: await readSettings() });
}

/** As long may people take to answer dialogs of the editor, milliseconds. */
const dialogLimit = 10 * 60_000;

type Asking = ContactOptions['askpass'];

/** Runs `work` while ssh's questions are answered. */
export async function withAskpass<T>(
  interactive: boolean,
  ask: Prompter | undefined,
  work: (askpass: Asking) => Promise<T>,
): Promise<T> {
  if (!interactive) return work(undefined);
  const handed = handedAskpass();
  // Whether the editor is asking cannot be seen from here.
  if (handed) return work({ env: handed, waiting: () => false, limitMs: dialogLimit });
  if (!ask) return work(undefined);
  let open = 0;
  let server: Askpass | undefined;
  try {
    server = await serveAskpass(async (question) => {
      open++;
      try {
        return await ask(question);
      } finally {
        open--;
      }
    });
    return await work({ env: server.env, waiting: () => open > 0 });
  } finally {
    await server?.dispose();
  }
}

async function connect(host: string, tools: SshTools, { signal }: ConnectOptions, askpass: Asking): Promise<Channel> {
  const { settings, dist } = tools;
  const basis = await bundleBasis(host, settings, dist);
  const known = (await knownHosts())[host];
  const want = known?.basis === basis ? known.bundle : undefined;
  const contact = await reach({ host, settings, askpass, want, signal });
  const abort = () => contact.channel.kill();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const bundle = contact.first[0] === 'ready' ? want! : await prepare(host, tools, contact);
    contact.lines.release();
    await rememberHost(host, { used: Date.now(), bundle, basis });
    return contact.channel;
  } catch (error) {
    contact.channel.kill();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Puts the bundle there and lets the shell become the agent. */
async function prepare(host: string, tools: SshTools, contact: Contact): Promise<string> {
  const { settings, dist, progress = noProgress } = tools;
  const { channel, lines } = contact;
  const facts = await gatherFacts(contact);
  const bundle = await install({ host, channel, lines, facts, settings, progress, dist });
  channel.input.write(`agent ${bundle}\n`);
  if ((await lines.next())?.[0] === 'ready') return bundle;
  return fail('host-cut', `The connection to ${host} was cut before its agent started.`, { remedy: 'Try again.' });
}

/** Reads on until the script has said everything it says of the host. */
export async function gatherFacts({ lines, first }: Contact): Promise<HostFacts> {
  const said: string[][] = [];
  for (let words: string[] | undefined = first; words && words[0] !== 'facts'; words = await lines.next()) {
    if (words[0] === 'host') said.push(words.slice(1));
  }
  return readFacts(said);
}
