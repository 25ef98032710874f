import type { PlaceRecord } from '../record/types.ts';
import { readSettings } from './settings.ts';
import { configuredAliases } from './ssh/aliases.ts';
import { effectiveConfig } from './ssh/control.ts';
import { knownHosts } from './ssh/memory.ts';

/** Where a host was named. */
export type HostSource = 'experiment' | 'settings' | 'ssh';

export interface ListedHost {
  name: string;
  sources: HostSource[];
  /** `user@address:port` as ssh understands it; absent when ssh cannot say. */
  address?: string;
  /** Hosts on the way, as the configuration has them. */
  jump?: string;
  /** When it was last used, milliseconds since the epoch. */
  used?: number;
}

/**
 * Hosts that can be named as targets: those of the experiments (`targets`), of the user's settings, and of the ssh
 * configuration. Those that were used come first, the last one at the top.
 */
export async function listHosts(targets: readonly PlaceRecord[] = []): Promise<ListedHost[]> {
  const settings = await readSettings();
  const known = await knownHosts();
  const sources = new Map<string, HostSource[]>();
  const add = (name: string, source: HostSource) => {
    const before = sources.get(name) ?? [];
    if (!before.includes(source)) sources.set(name, [...before, source]);
  };
  for (const target of targets)
    if (target.kind !== 'local' && target.host !== undefined) add(target.host, 'experiment');
  for (const name of Object.keys(settings.hosts ?? {})) add(name, 'settings');
  for (const name of await configuredAliases(settings)) add(name, 'ssh');
  const listed = await Promise.all(
    [...sources].map(async ([name, from]): Promise<ListedHost> => {
      const used = known[name]?.used;
      return { name, sources: from, ...(await addressOf(name)), ...(used !== undefined && { used }) };
    }),
  );
  return listed.sort((a, b) => (b.used ?? 0) - (a.used ?? 0));

  async function addressOf(name: string): Promise<Pick<ListedHost, 'address' | 'jump'>> {
    const config = await effectiveConfig(name, settings.ssh).catch(() => undefined);
    if (!config) return {};
    const [user, host, port] = ['user', 'hostname', 'port'].map((key) => config.get(key)?.[0]);
    const jump = config.get('proxyjump')?.[0];
    const at = host === undefined ? {} : { address: `${user}@${host}${port === '22' ? '' : `:${port}`}` };
    return { ...at, ...(jump !== undefined && jump !== 'none' && { jump }) };
  }
}
