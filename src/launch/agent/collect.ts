import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runFolders } from '../../record/find.ts';
import type { Home } from '../../record/layout.ts';

/** What nothing has used for so long is removed. */
const keptDays = 30;
/** How often it is looked for. */
const everyDays = 1;
const day = 24 * 60 * 60 * 1000;

/** Says that something in the store is in use. */
export async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

async function age(path: string, now: number): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => now - mtimeMs,
    () => 0,
  );
}

/** Names of the trees that requests of runs read from, so that a run can be resumed however old it is. */
async function usedTrees(home: Home): Promise<Set<string>> {
  const used = new Set<string>();
  for (const folder of await runFolders(home.folder)) {
    for (const name of await readdir(folder).catch(() => [] as string[])) {
      if (!/^request\.\d+\.json$/.test(name)) continue;
      const text = await readFile(join(folder, name), 'utf8').catch(() => '');
      for (const [, tree] of text.matchAll(/\/store\/trees\/([0-9a-f]{32})\b/g)) used.add(tree!);
    }
  }
  return used;
}

/**
 * Removes what no run reads and nothing has used for 30 days: folders of data, contents without a folder, transfers that nobody
 * went on with, tokens. At most once a day; `now` in milliseconds. Returns what was removed.
 */
export async function collect(home: Home, now = Date.now()): Promise<string[]> {
  const store = join(home.folder, 'store');
  const mark = join(store, 'collected');
  const last = await stat(mark).catch(() => undefined);
  if (last && now - last.mtimeMs < everyDays * day) return [];
  await writeFile(mark, '', { mode: 0o600 }).catch(() => {});
  const removed: string[] = [];
  const sweep = async (folder: string, goes: (path: string) => Promise<boolean>) => {
    for (const name of await readdir(folder).catch(() => [] as string[])) {
      const path = join(folder, name);
      if ((await age(path, now)) < keptDays * day || !(await goes(path))) continue;
      await rm(path, { recursive: true, force: true });
      removed.push(name);
    }
  };
  const used = await usedTrees(home);
  await sweep(join(store, 'trees'), async (path) => !used.has(basename(path)));
  // A content that some folder still holds has a second link.
  await sweep(join(store, 'blobs'), async (path) => ((await stat(path).catch(() => undefined))?.nlink ?? 2) === 1);
  await sweep(join(store, 'parts'), async () => true);
  await sweep(join(home.folder, 'tokens'), async () => true);
  return removed;
}
