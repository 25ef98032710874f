import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder of the local Hugging Face cache, found as huggingface_hub does: HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME, home. */
export function hubCache(env: NodeJS.ProcessEnv = process.env): string {
  const set = (name: string) => env[name] || undefined;
  const cacheHome = set('XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  return (
    set('HF_HUB_CACHE') ?? set('HUGGINGFACE_HUB_CACHE') ?? join(set('HF_HOME') ?? join(cacheHome, 'huggingface'), 'hub')
  );
}

/** Whether a text looks like the id of a model on the Hub: `name` or `organisation/name`. */
export function isHubId(text: string): boolean {
  return (
    text.length <= 96 && /^[\w][\w.-]*(\/[\w][\w.-]*)?$/.test(text) && !text.includes('..') && !text.includes('--')
  );
}

/** The snapshot folder of a model id in the local cache (`main`, else the only snapshot), or undefined. Downloads nothing. */
export async function cachedModel(id: string, env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (!isHubId(id)) return undefined;
  const repository = join(hubCache(env), `models--${id.replace('/', '--')}`);
  const snapshots = join(repository, 'snapshots');
  const revision = await readFile(join(repository, 'refs', 'main'), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
  const present = await readdir(snapshots).catch(() => []);
  const chosen = revision ?? (present.length === 1 ? present[0] : undefined);
  if (chosen === undefined || !/^[\w.-]+$/.test(chosen)) return undefined;
  const folder = join(snapshots, chosen);
  const isFolder = await stat(folder).then(
    (info) => info.isDirectory(),
    () => false,
  );
  return isFolder ? folder : undefined;
}

/** The id of the model whose snapshot a folder of the cache is (`…/models--org--name/snapshots/…`), or undefined. */
export function idOfSnapshot(folder: string): string | undefined {
  const id = /[\\/]models--([^\\/]+)[\\/]snapshots[\\/][^\\/]+[\\/]?$/.exec(folder)?.[1]?.replace('--', '/');
  return id !== undefined && isHubId(id) ? id : undefined;
}

/** Models of the local cache with a snapshot, by id. */
export async function cachedModels(env: NodeJS.ProcessEnv = process.env): Promise<{ id: string; folder: string }[]> {
  const names = await readdir(hubCache(env)).catch(() => [] as string[]);
  const ids = names.flatMap((name) => /^models--(.+)$/.exec(name)?.[1]?.replace('--', '/') ?? []).sort();
  const found = await Promise.all(ids.map(async (id) => ({ id, folder: await cachedModel(id, env) })));
  return found.flatMap(({ id, folder }) => (folder === undefined ? [] : [{ id, folder }]));
}
