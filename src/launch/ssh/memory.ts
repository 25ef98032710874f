import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { privateFolder, readJsonIfThere, writeJsonAtomic } from '../../base/files.ts';

/** What is remembered of a host: a help, never the truth. */
export interface KnownHost {
  /** When it was last used, milliseconds since the epoch. */
  used: number;
  /** The bundle that was put there, and what it was made of. */
  bundle?: string;
  basis?: string;
}

function memoryFile(): string {
  const state = process.env['XDG_STATE_HOME'];
  return join(state && isAbsolute(state) ? state : join(homedir(), '.local', 'state'), 'strata', 'hosts.json');
}

/** Hosts that were used, by name. A memory that cannot be read is empty. */
export async function knownHosts(): Promise<Record<string, KnownHost>> {
  return (await readJsonIfThere<Record<string, KnownHost>>(memoryFile()).catch(() => undefined)) ?? {};
}

/** Remembers a host. A memory that cannot be kept is no failure. */
export async function rememberHost(name: string, known: KnownHost): Promise<void> {
  try {
    const file = memoryFile();
    await privateFolder(dirname(file));
    await writeJsonAtomic(file, { ...(await knownHosts()), [name]: known });
  } catch {
    // A home that cannot be written still runs experiments.
  }
}
