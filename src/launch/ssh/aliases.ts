import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { hostAlias, type Settings } from '../settings.ts';

/** Deeper includes are a circle. */
const deepest = 16;

/** Names that the `Host` lines of one file give, and the files that it includes. Patterns name no host. Pure. */
export function aliasesIn(text: string): { aliases: string[]; includes: string[] } {
  const aliases: string[] = [];
  const includes: string[] = [];
  for (const line of text.split('\n')) {
    const [, key = '', rest = ''] = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line) ?? [];
    const words = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    if (key.toLowerCase() === 'host') aliases.push(...words.filter((word) => hostAlias.test(word)));
    if (key.toLowerCase() === 'include') includes.push(...words);
  }
  return { aliases, includes };
}

/**
 * Hosts that the user's ssh configuration names, in its order. ssh offers no list of them, so `Host` lines and includes are
 * read; what is said of a host always comes from `ssh -G`.
 */
export async function configuredAliases(settings: Settings): Promise<string[]> {
  const home = join(homedir(), '.ssh');
  const found = new Set<string>();
  await collect(settings.ssh?.config ?? join(home, 'config'), home, found, 0);
  return [...found];
}

async function collect(file: string, home: string, found: Set<string>, depth: number): Promise<void> {
  if (depth > deepest) return;
  const text = await readFile(file, 'utf8').catch(() => '');
  const { aliases, includes } = aliasesIn(text);
  for (const alias of aliases) found.add(alias);
  for (const include of includes) {
    const plain = include.replace(/^~(?=\/)/, homedir());
    const path = isAbsolute(plain) ? plain : resolve(home, plain);
    for (const one of await matching(path)) await collect(one, home, found, depth + 1);
  }
}

/** Files that a path with `*` and `?` in its last part means, as Include takes it. */
async function matching(path: string): Promise<string[]> {
  const name = basename(path);
  if (!/[*?]/.test(name)) return [path];
  const pattern = name
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const names = await readdir(dirname(path)).catch(() => [] as string[]);
  return names
    .filter((one) => new RegExp(`^${pattern}$`).test(one))
    .sort()
    .map((one) => join(dirname(path), one));
}
